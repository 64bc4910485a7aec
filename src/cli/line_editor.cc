#include "cli/line_editor.h"

#include <histedit.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cwchar>
#include <utility>

#include "cli/display_width.h"
#include "cli/interrupts.h"
#include "cli/standard_output.h"

namespace pyralog::cli {

// What libedit calls back with. Valid while its EditLine is.
struct EditorState {
  std::string prompt;
  bool interrupted = false;
  const LineEditor::Completer* completer = nullptr;
};

namespace {

struct BoundKeys {
  const char* keys;
  const char* function;
};
constexpr BoundKeys kKeys[] = {
    {"^A", "pyralog-begin"},           {"^E", "pyralog-end"},        {"\\e[A", "pyralog-up"},
    {"\\eOA", "pyralog-up"},           {"\\e[B", "pyralog-down"},    {"\\eOB", "pyralog-down"},
    {"\\e[H", "pyralog-begin"},        {"\\eOH", "pyralog-begin"},   {"\\e[1~", "pyralog-begin"},
    {"\\e[F", "pyralog-end"},          {"\\eOF", "pyralog-end"},     {"\\e[4~", "pyralog-end"},
    {"\\e[3~", "ed-delete-next-char"}, {"\\e[1;5C", "em-next-word"}, {"\\e[1;5D", "ed-prev-word"},
};
constexpr char kEndOfInput = '\x04';  // Ctrl-D

EditorState* StateOf(EditLine* editor) {
  void* state = nullptr;
  el_get(editor, EL_CLIENTDATA, &state);
  return static_cast<EditorState*>(state);
}

char* PromptOf(EditLine* editor) { return StateOf(editor)->prompt.data(); }

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

void AppendUtf8(char32_t c, std::string* out) {
  const auto add = [&](char32_t byte) { *out += static_cast<char>(byte); };
  if (c < 0x80) return add(c);
  if (c < 0x800) {
    add(0xC0 | c >> 6);
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3F));
  } else {
    add(0xF0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3F));
    add(0x80 | (c >> 6 & 0x3F));
  }
  add(0x80 | (c & 0x3F));
}

std::wstring WideText(std::string_view text) {
  std::wstring wide;
  while (!text.empty()) {
    const DecodedCharacter next = DecodeCharacter(text);
    wide += static_cast<wchar_t>(next.character);
    text.remove_prefix(static_cast<size_t>(next.bytes));
  }
  return wide;
}

// The text before the cursor, as UTF-8.
std::string TextBeforeCursor(EditLine* editor) {
  const LineInfoW* line = el_wline(editor);
  std::string text;
  for (const wchar_t* c = line->buffer; c < line->cursor; ++c) {
    AppendUtf8(static_cast<char32_t>(*c), &text);
  }
  return text;
}

// Shows the words below the line, in columns.
void ListWords(const std::vector<std::string>& words) {
  constexpr size_t kMostShown = 80;
  int widest = 0;
  for (const std::string& word : words) widest = std::max(widest, DisplayWidth(word));
  const size_t shown = std::min(words.size(), kMostShown);
  const int terminal = std::max(StandardOutput::TerminalWidth(), widest + 3);
  const auto columns = static_cast<size_t>(std::max(1, terminal / (widest + 2)));
  const size_t lines = (shown + columns - 1) / columns;
  std::string text = "\n";
  for (size_t line = 0; line < lines; ++line) {
    for (size_t i = line; i < shown; i += lines) {
      text += Printable(words[i], LineBreaks::kEscape);
      if (i + lines >= shown) break;
      text.append(static_cast<size_t>(widest + 2 - DisplayWidth(words[i])), ' ');
    }
    text += '\n';
  }
  if (shown < words.size()) text += "... " + std::to_string(words.size() - shown) + " more\n";
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// Tab: writes what all words that fit begin with, or lists them when that is there already.
unsigned char CompleteLine(EditLine* editor, int) {
  const std::string text = TextBeforeCursor(editor);
  // On an empty line everything would fit.
  if (text.find_first_not_of(" \t") == std::string::npos) {
    return el_winsertstr(editor, L"  ") == 0 ? CC_REFRESH : CC_ERROR;
  }
  const Completion completion = (*StateOf(editor)->completer)(text);
  if (completion.words.empty()) return CC_ERROR;
  const std::string typed = text.substr(completion.start);
  const std::string common = CommonBeginning(completion.words);
  if (common.size() <= typed.size()) {
    if (completion.words.size() == 1) return CC_ERROR;  // it is there
    ListWords(completion.words);
    return CC_REDISPLAY;
  }
  el_deletestr(editor, static_cast<int>(WideText(typed).size()));
  return el_winsertstr(editor, WideText(common).c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

// The keys that libedit's own functions are bound to, for those that go on with one of them.
constexpr char kHistoryBack[] = "\x10";   // Ctrl-P
constexpr char kHistoryForth[] = "\x0e";  // Ctrl-N

// Moves the cursor by a line within a statement of several lines; false at its first or last.
bool MoveByLine(EditLine* editor, bool up) {
  const LineInfoW* line = el_wline(editor);
  const std::wstring_view text(line->buffer, static_cast<size_t>(line->lastchar - line->buffer));
  const auto at = static_cast<size_t>(line->cursor - line->buffer);
  const size_t begin = at == 0 ? 0 : text.rfind(L'\n', at - 1) + 1;
  size_t target = 0;
  size_t target_end = 0;
  if (up) {
    if (begin == 0) return false;
    target = begin < 2 ? 0 : text.rfind(L'\n', begin - 2) + 1;
    target_end = begin - 1;
  } else {
    const size_t end = text.find(L'\n', at);
    if (end == std::wstring_view::npos) return false;
    target = end + 1;
    target_end = std::min(text.find(L'\n', target), text.size());
  }
  const size_t wanted = std::min(target + (at - begin), target_end);
  el_cursor(editor, static_cast<int>(wanted) - static_cast<int>(at));
  return true;
}

// Home and End stay within the line of a statement of several lines.
unsigned char MoveToBegin(EditLine* editor, int) {
  const LineInfoW* line = el_wline(editor);
  const wchar_t* begin = line->cursor;
  while (begin > line->buffer && begin[-1] != L'\n') --begin;
  el_cursor(editor, static_cast<int>(begin - line->cursor));
  return CC_REFRESH;
}

unsigned char MoveToEnd(EditLine* editor, int) {
  const LineInfoW* line = el_wline(editor);
  const wchar_t* end = std::find(line->cursor, line->lastchar, L'\n');
  el_cursor(editor, static_cast<int>(end - line->cursor));
  return CC_REFRESH;
}

unsigned char MoveUp(EditLine* editor, int) {
  if (MoveByLine(editor, /*up=*/true)) return CC_REFRESH;
  el_push(editor, kHistoryBack);
  return CC_NORM;
}

unsigned char MoveDown(EditLine* editor, int) {
  if (MoveByLine(editor, /*up=*/false)) return CC_REFRESH;
  el_push(editor, kHistoryForth);
  return CC_NORM;
}

}  // namespace

struct LineEditor::Libedit {
  explicit Libedit(Completer offered) : completer(std::move(offered)) {}
  ~Libedit() {
    if (history != nullptr) history_end(history);
    if (editor != nullptr) el_end(editor);
  }

  const Completer completer;
  EditLine* editor = nullptr;
  History* history = nullptr;
  HistEvent event{};
  EditorState state;
};

LineEditor::LineEditor(std::string history_path, Completer completer)
    : libedit_(std::make_unique<Libedit>(std::move(completer))), history_(std::move(history_path)) {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  Libedit& edit = *libedit_;
  edit.editor = el_init("pyralog", stdin, stdout, stderr);
  edit.history = history_init();
  if (edit.editor == nullptr || edit.history == nullptr) return;
  edit.state.completer = &edit.completer;
  el_set(edit.editor, EL_CLIENTDATA, &edit.state);
  el_set(edit.editor, EL_PROMPT, PromptOf);
  el_set(edit.editor, EL_EDITOR, "emacs");
  el_set(edit.editor, EL_GETCFN, ReadCharacter);
  history(edit.history, &edit.event, H_SETSIZE, static_cast<int>(HistoryFile::kMaxEntries));
  for (const std::string& entry : history_.Load()) Enter(entry);
  el_set(edit.editor, EL_HIST, history, edit.history);
  el_set(edit.editor, EL_ADDFN, "pyralog-complete", "Complete the word", CompleteLine);
  el_set(edit.editor, EL_ADDFN, "pyralog-up", "A line up, or an entry back", MoveUp);
  el_set(edit.editor, EL_ADDFN, "pyralog-down", "A line down, or an entry forth", MoveDown);
  el_set(edit.editor, EL_ADDFN, "pyralog-begin", "To the line's beginning", MoveToBegin);
  el_set(edit.editor, EL_ADDFN, "pyralog-end", "To the line's end", MoveToEnd);
  el_set(edit.editor, EL_BIND, "^I", "pyralog-complete", nullptr);
  el_set(edit.editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(edit.editor, EL_BIND, kHistoryBack, "ed-prev-history", nullptr);
  el_set(edit.editor, EL_BIND, kHistoryForth, "ed-next-history", nullptr);
  // As terminals send the arrows and their kin, in both of their modes (xterm's ctlseqs).
  for (const auto& [keys, function] : kKeys) {
    el_set(edit.editor, EL_BIND, keys, function, nullptr);
  }
  el_source(edit.editor, nullptr);  // the user's ~/.editrc
}

LineEditor::~LineEditor() = default;

LineEditor::Line LineEditor::Read(const std::string& prompt) {
  Libedit& edit = *libedit_;
  if (edit.editor == nullptr) return {End::kInput, ""};
  edit.state.prompt = prompt;
  edit.state.interrupted = false;
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
  if (entry_.empty() && line.empty()) return;
  entry_ += line;
  entry_ += '\n';
}

void LineEditor::Enter(const std::string& entry) {
  Libedit& edit = *libedit_;
  // What is entered again is only at its new place.
  for (int found = history(edit.history, &edit.event, H_FIRST); found >= 0;
       found = history(edit.history, &edit.event, H_NEXT)) {
    if (entry != edit.event.str) continue;
    history(edit.history, &edit.event, H_DEL, edit.event.num);
    break;
  }
  history(edit.history, &edit.event, H_ENTER, entry.c_str());
}

void LineEditor::RememberEntry() {
  std::string whole = std::move(entry_);
  entry_.clear();
  while (!whole.empty() && (whole.back() == '\n' || whole.back() == ' ')) whole.pop_back();
  if (whole.empty() || HoldsSecret(whole) || libedit_->history == nullptr) return;
  Enter(whole);
  history_.Append(whole);
}

}  // namespace pyralog::cli
