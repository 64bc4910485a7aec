#include "cli/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <filesystem>
#include <utility>

#include "cli/interrupts.h"
#include "io/descriptor.h"

namespace pyralog::cli {

// What libedit calls back with. Valid while its EditLine is.
struct EditorState {
  const char* prompt = "";
  bool interrupted = false;
};

namespace {

constexpr int kHistoryLines = 2000;
constexpr char kEndOfInput = '\x04';  // Ctrl-D

EditorState* StateOf(EditLine* editor) {
  void* state = nullptr;
  el_get(editor, EL_CLIENTDATA, &state);
  return static_cast<EditorState*>(state);
}

char* PromptOf(EditLine* editor) { return const_cast<char*>(StateOf(editor)->prompt); }

// Reads one character of the locale's encoding. libedit's own reader would not let Ctrl-C end the
// line. 1, 0 at the end of the input, -1 when Ctrl-C came.
int ReadCharacter(EditLine* editor, wchar_t* character) {
  std::mbstate_t decoder{};
  while (true) {
    if (!WaitReadable(STDIN_FILENO)) {
      StateOf(editor)->interrupted = true;
      return -1;
    }
    char byte = 0;
    const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return 0;
    // What Linux makes of a Ctrl-D that was typed while the terminal was not yet in the editor's
    // mode.
    if (byte == '\0') byte = kEndOfInput;
    const size_t used = std::mbrtowc(character, &byte, 1, &decoder);
    if (used == static_cast<size_t>(-2)) continue;  // more bytes to come
    if (used != static_cast<size_t>(-1)) return 1;
    decoder = std::mbstate_t{};  // no character: left out
  }
}

// The file, made with its folder when missing, readable by its owner only.
bool MakePrivateFile(const std::string& path) {
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  const io::Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  return file.valid() && ::fchmod(file.get(), 0600) == 0;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string HistoryPath() {
  if (std::string path = Variable("PYRALOG_HISTORY"); !path.empty()) return path;
  // The XDG base directory specification ignores relative paths.
  std::string state = Variable("XDG_STATE_HOME");
  if (!state.starts_with('/')) {
    const std::string home = Variable("HOME");
    if (home.empty()) return "";
    state = home + "/.local/state";
  }
  return state + "/pyralog/history";
}

bool HoldsSecret(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  constexpr std::string_view kWords[] = {"SECRET", "PASSWORD",   "PASSWD",
                                         "TOKEN",  "CREDENTIAL", "KEY_ID"};
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view word) { return upper.find(word) != std::string::npos; });
}

struct LineEditor::Libedit {
  EditLine* editor = nullptr;
  History* history = nullptr;
  HistEvent event{};
  EditorState state;

  ~Libedit() {
    if (history != nullptr) history_end(history);
    if (editor != nullptr) el_end(editor);
  }
};

LineEditor::LineEditor(std::string history_path)
    : libedit_(std::make_unique<Libedit>()),
      history_path_(MakePrivateFile(history_path) ? std::move(history_path) : "") {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  Libedit& edit = *libedit_;
  edit.editor = el_init("pyralog", stdin, stdout, stderr);
  edit.history = history_init();
  if (edit.editor == nullptr || edit.history == nullptr) return;
  el_set(edit.editor, EL_CLIENTDATA, &edit.state);
  el_set(edit.editor, EL_PROMPT, PromptOf);
  el_set(edit.editor, EL_EDITOR, "emacs");
  el_set(edit.editor, EL_GETCFN, ReadCharacter);
  history(edit.history, &edit.event, H_SETSIZE, kHistoryLines);
  history(edit.history, &edit.event, H_SETUNIQUE, 1);
  if (!history_path_.empty()) history(edit.history, &edit.event, H_LOAD, history_path_.c_str());
  el_set(edit.editor, EL_HIST, history, edit.history);
  el_set(edit.editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(edit.editor, nullptr);  // the user's ~/.editrc
}

LineEditor::~LineEditor() = default;

LineEditor::Line LineEditor::Read(const char* prompt) {
  Libedit& edit = *libedit_;
  if (edit.editor == nullptr) return {End::kInput, ""};
  edit.state = {prompt, false};
  el_resize(edit.editor);
  int count = 0;
  const char* text = el_gets(edit.editor, &count);
  if (edit.state.interrupted) return {End::kInterrupted, ""};
  if (text == nullptr || count <= 0) {
    std::fputs("\n", stdout);
    std::fflush(stdout);
    return {End::kInput, ""};
  }
  std::string line(text);
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  return {End::kLine, std::move(line)};
}

void LineEditor::AddToEntry(std::string_view line) {
  if (!line.empty()) entry_.emplace_back(line);
}

void LineEditor::RememberEntry() {
  std::string whole;
  for (const std::string& line : entry_) whole += line + "\n";
  Libedit& edit = *libedit_;
  if (edit.history != nullptr && !entry_.empty() && !HoldsSecret(whole)) {
    for (const std::string& line : entry_) {
      history(edit.history, &edit.event, H_ENTER, line.c_str());
    }
    if (!history_path_.empty()) history(edit.history, &edit.event, H_SAVE, history_path_.c_str());
  }
  entry_.clear();
}

}  // namespace pyralog::cli
