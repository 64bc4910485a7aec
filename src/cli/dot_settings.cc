#include <charconv>
#include <string>

#include "cli/dot_commands.h"
#include "cli/nearest.h"
#include "cli/paged_output.h"
#include "cli/shell.h"
#include "fmt/format.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

arrow::Status BadSetting(std::string message) {
  return MakeError(ErrorCode::kInvalidArgument, std::move(message));
}

const char* OnOrOff(bool value) { return value ? "on" : "off"; }

arrow::Status SetSwitch(Console& console, const DotLine& line, std::string_view name,
                        bool* setting) {
  if (line.arguments.empty()) return console.WriteText(std::string(OnOrOff(*setting)) + "\n");
  const std::string& text = line.arguments.front();
  if (text != "on" && text != "off") {
    return BadSetting(fmt::format(".{} takes on or off, not '{}'", name, text));
  }
  *setting = text == "on";
  return arrow::Status::OK();
}

// A number from 0 on, or the word that stands for 0.
template <class Number>
arrow::Status ParseNumber(const std::string& text, std::string_view zero, Number* number) {
  Number parsed = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, parsed);
  if (text != zero && (result.ec != std::errc() || result.ptr != end || parsed < 0)) {
    return BadSetting(fmt::format("a number or {} is wanted, not '{}'", zero, text));
  }
  *number = parsed;
  return arrow::Status::OK();
}

template <class Number>
arrow::Status SetNumber(Console& console, const DotLine& line, std::string_view zero,
                        Number* setting) {
  if (!line.arguments.empty()) return ParseNumber(line.arguments.front(), zero, setting);
  const std::string shown = *setting == 0 ? std::string(zero) : std::to_string(*setting);
  return console.WriteText(shown + "\n");
}

std::string WidthsText(const std::vector<int>& widths) {
  std::string text;
  for (const int width : widths) text += (text.empty() ? "" : " ") + std::to_string(width);
  return text.empty() ? "any" : text;
}

arrow::Status UnknownMode(const std::string& name) {
  std::vector<std::string> known;
  const std::string names = OutputModeNames();
  for (size_t at = 0; at < names.size();) {
    const size_t end = std::min(names.find(", ", at), names.size());
    known.push_back(names.substr(at, end - at));
    at = end + 2;
  }
  const std::vector<std::string_view> words(known.begin(), known.end());
  const std::string nearest = NearestWord(name, words);
  return BadSetting("no mode is called '" + name + "'" +
                    (nearest.empty() ? "" : "; did you mean " + nearest + "?") +
                    " There are: " + names);
}

}  // namespace

arrow::Status SetMode(Console& console, const DotLine& line) {
  Display& display = console.settings().display;
  if (line.arguments.empty()) {
    return console.WriteText(std::string(OutputModeName(display.mode)) + "\n");
  }
  const auto mode = OutputModeNamed(line.arguments.front());
  if (!mode) return UnknownMode(line.arguments.front());
  if (line.arguments.size() > 1) {
    if (*mode != OutputMode::kInsert) return BadSetting("only .mode insert takes a table's name");
    display.insert_table = line.arguments[1];
  }
  display.mode = *mode;
  return arrow::Status::OK();
}

arrow::Status SetMaxRows(Console& console, const DotLine& line) {
  return SetNumber(console, line, "all", &console.settings().display.max_rows);
}

arrow::Status SetMaxWidth(Console& console, const DotLine& line) {
  return SetNumber(console, line, "auto", &console.settings().max_width);
}

arrow::Status SetWidths(Console& console, const DotLine& line) {
  std::vector<int> widths;
  for (const std::string& text : line.arguments) {
    ARROW_RETURN_NOT_OK(ParseNumber(text, "any", &widths.emplace_back()));
  }
  console.settings().display.widths = std::move(widths);
  return arrow::Status::OK();
}

arrow::Status SetHeaders(Console& console, const DotLine& line) {
  return SetSwitch(console, line, "headers", &console.settings().display.headers);
}

arrow::Status SetNullValue(Console& console, const DotLine& line) {
  auto& text = console.settings().display.null_text;
  if (!line.arguments.empty()) {
    text = line.arguments.front();
    return arrow::Status::OK();
  }
  return console.WriteText((text ? "'" + *text + "'" : "as the mode has it") + "\n");
}

arrow::Status SetSeparator(Console& console, const DotLine& line) {
  std::string& separator = console.settings().display.separator;
  if (line.arguments.empty()) return console.WriteText("'" + separator + "'\n");
  separator = line.arguments.front() == "\\t" ? "\t" : line.arguments.front();
  return arrow::Status::OK();
}

arrow::Status SetTimer(Console& console, const DotLine& line) {
  return SetSwitch(console, line, "timer", &console.settings().shows_time);
}

arrow::Status SetChanges(Console& console, const DotLine& line) {
  return SetSwitch(console, line, "changes", &console.settings().shows_changes);
}

arrow::Status SetEcho(Console& console, const DotLine& line) {
  return SetSwitch(console, line, "echo", &console.settings().echoes);
}

arrow::Status SetBail(Console& console, const DotLine& line) {
  return SetSwitch(console, line, "bail", &console.settings().bails);
}

arrow::Status SetProgress(Console& console, const DotLine& line) {
  return SetSwitch(console, line, "progress", &console.settings().shows_progress);
}

arrow::Status SetPager(Console& console, const DotLine& line) {
  Console::Settings& settings = console.settings();
  if (line.rest.empty()) {
    const bool pages = settings.pages && !settings.pager.empty();
    return console.WriteText(pages ? "on: " + settings.pager + "\n" : "off\n");
  }
  settings.pages = line.rest != "off";
  if (line.rest == "on") {
    if (settings.pager.empty()) settings.pager = DefaultPager();
    if (settings.pager.empty()) return BadSetting("there is no less and no more; name a program");
  } else if (line.rest != "off") {
    settings.pager = line.arguments.size() == 1 ? line.arguments.front() : line.rest;
  }
  return arrow::Status::OK();
}

arrow::Status SetPrompt(Console& console, const DotLine& line) {
  Console::Settings& settings = console.settings();
  settings.prompt = line.arguments.empty() ? kDefaultPrompt : line.arguments.front();
  settings.continued_prompt = line.arguments.size() > 1 ? line.arguments[1] : "";
  return arrow::Status::OK();
}

arrow::Status ShowSettings(Console& console, const DotLine&) {
  const Console::Settings& settings = console.settings();
  const Display& display = settings.display;
  std::string text;
  const auto add = [&](std::string_view name, std::string_view value) {
    text += fmt::format("{:>10}: {}\n", name, value);
  };
  add("bail", OnOrOff(settings.bails));
  add("changes", OnOrOff(settings.shows_changes));
  add("database", console.database_path().empty() ? "in memory" : console.database_path());
  add("echo", OnOrOff(settings.echoes));
  add("headers", OnOrOff(display.headers));
  add("maxrows", display.max_rows == 0 ? "all" : std::to_string(display.max_rows));
  add("maxwidth", settings.max_width == 0 ? "auto" : std::to_string(settings.max_width));
  add("mode", OutputModeName(display.mode));
  add("nullvalue", display.null_text ? "'" + *display.null_text + "'" : "as the mode has it");
  add("pager", settings.pages && !settings.pager.empty() ? settings.pager : "off");
  add("progress", OnOrOff(settings.shows_progress));
  add("safe", OnOrOff(console.is_safe()));
  add("separator", "'" + display.separator + "'");
  add("timer", OnOrOff(settings.shows_time));
  add("width", WidthsText(display.widths));
  return console.WriteText(text);
}

}  // namespace pyralog::cli
