#include "sql/settings.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "duckdb/common/string_util.hpp"
#include "duckdb/main/config.hpp"
#include "sql/connection_state.h"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

constexpr char kStatementTimeout[] = "statement_timeout";
constexpr char kBatchSize[] = "batch_size";
constexpr uint64_t kFewestBatchRows = 65536;
constexpr uint64_t kMostBatchRows = 1 << 20;

struct TimeUnit {
  std::string_view name;
  int64_t milliseconds;
};
// Largest first.
constexpr std::array<TimeUnit, 5> kTimeUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1000}, {"ms", 1}}};

std::string_view DurabilityName(Durability durability) {
  switch (durability) {
    case Durability::kFull:
      return "full";
    case Durability::kNormal:
      return "normal";
    case Durability::kOff:
      break;
  }
  return "off";
}

void SetStatementTimeout(duckdb::ClientContext& context, duckdb::SetScope scope,
                         duckdb::Value& value) {
  const auto timeout = ValueOrThrow(ParseTimeout(value.IsNull() ? "0" : value.ToString()));
  value = duckdb::Value(TimeoutText(timeout));
  if (scope == duckdb::SetScope::GLOBAL) return;  // for sessions to come
  const auto state = context.registered_state->Get<ConnectionState>(ConnectionState::kKey);
  if (state != nullptr) state->set_statement_timeout(timeout);
}

void CheckBatchSize(duckdb::ClientContext& context, duckdb::SetScope scope, duckdb::Value& value) {
  const uint64_t rows = value.IsNull() ? 0 : value.GetValue<uint64_t>();
  if (rows != 0 && (rows < kFewestBatchRows || rows > kMostBatchRows)) {
    ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                          "batch_size: " + std::to_string(rows) + " is not from " +
                              std::to_string(kFewestBatchRows) + " to " +
                              std::to_string(kMostBatchRows) + " rows; 0 is the default"));
  }
}

// Settings of PostgreSQL that its tools set: what they can be set to is what holds anyway.
struct PostgresSetting {
  const char* name;
  const char* value;  // as shown
  std::string_view
      others;  // other spellings, between commas; "*": any, because nothing depends on it
};
constexpr std::array<PostgresSetting, 12> kPostgresSettings = {
    {{"client_encoding", "UTF8", ",utf8,utf-8,unicode,"},
     {"standard_conforming_strings", "on", ",on,true,1,yes,"},
     {"check_function_bodies", "off", "*"},
     {"xmloption", "content", "*"},
     {"client_min_messages", "notice", "*"},
     {"row_security", "off", "*"},
     {"escape_string_warning", "off", "*"},
     {"default_tablespace", "", ",,"},
     {"default_table_access_method", "heap", ",heap,"},
     {"lock_timeout", "0", ",0,0ms,0s,"},
     {"transaction_timeout", "0", ",0,0ms,0s,"},
     {"idle_in_transaction_session_timeout", "0", ",0,0ms,0s,"}}};

template <size_t kIndex>
void CheckPostgresSetting(duckdb::ClientContext& context, duckdb::SetScope scope,
                          duckdb::Value& value) {
  const PostgresSetting& setting = kPostgresSettings[kIndex];
  const std::string wanted = value.IsNull() ? "" : value.ToString();
  if (setting.others == "*") return;
  if (setting.others.find("," + duckdb::StringUtil::Lower(wanted) + ",") ==
      std::string_view::npos) {
    ThrowStatus(MakeError(ErrorCode::kNotSupported,
                          std::string(setting.name) + " is always '" + setting.value +
                              "', and cannot be set to '" + wanted + "'"));
  }
  value = duckdb::Value(setting.value);
}

template <size_t... kIndexes>
void RegisterPostgresSettings(duckdb::DBConfig& config, std::index_sequence<kIndexes...>) {
  (config.AddExtensionOption(
       kPostgresSettings[kIndexes].name, "Of PostgreSQL; what it says holds always",
       duckdb::LogicalType::VARCHAR, duckdb::Value(kPostgresSettings[kIndexes].value),
       CheckPostgresSetting<kIndexes>),
   ...);
}

void RefuseToSet(duckdb::ClientContext& context, duckdb::SetScope scope, duckdb::Value& value) {
  ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                        "durability, memtable_size and read_only are chosen when the database is "
                        "opened and cannot be set in a session"));
}

}  // namespace

arrow::Result<std::chrono::milliseconds> ParseTimeout(std::string_view text) {
  const auto bad = [&] {
    return MakeError(
        ErrorCode::kInvalidArgument,
        "statement_timeout: '" + std::string(text) +
            "' is no time; write milliseconds (250) or 250ms, 1s, 5min, 2h; 0 is none");
  };
  std::string trimmed(text);
  duckdb::StringUtil::Trim(trimmed);
  if (trimmed.empty()) return std::chrono::milliseconds(0);
  int64_t count = 0;
  const char* const end = trimmed.data() + trimmed.size();
  const auto [after, error] = std::from_chars(trimmed.data(), end, count);
  if (error != std::errc() || count < 0) return bad();
  std::string unit(after, end);
  duckdb::StringUtil::Trim(unit);
  unit = unit.empty() ? "ms" : duckdb::StringUtil::Lower(unit);
  for (const TimeUnit& known : kTimeUnits) {
    if (unit != known.name) continue;
    if (count > std::numeric_limits<int32_t>::max() / known.milliseconds) return bad();
    return std::chrono::milliseconds(count * known.milliseconds);
  }
  return bad();
}

std::string TimeoutText(std::chrono::milliseconds timeout) {
  if (timeout.count() == 0) return "0";
  for (const TimeUnit& unit : kTimeUnits) {
    if (timeout.count() % unit.milliseconds == 0) {
      return std::to_string(timeout.count() / unit.milliseconds) + " " + std::string(unit.name);
    }
  }
  return std::to_string(timeout.count()) + " ms";
}

std::chrono::milliseconds StatementTimeout(duckdb::ClientContext& context) {
  duckdb::Value value;
  if (!context.TryGetCurrentSetting(kStatementTimeout, value) || value.IsNull()) return {};
  return ParseTimeout(value.ToString()).ValueOr(std::chrono::milliseconds(0));
}

std::optional<int64_t> BatchRows(duckdb::ClientContext& context) {
  duckdb::Value value;
  if (!context.TryGetCurrentSetting(kBatchSize, value) || value.IsNull()) return std::nullopt;
  const auto rows = static_cast<int64_t>(value.GetValue<uint64_t>());
  return rows == 0 ? std::nullopt : std::optional(rows);
}

void RegisterSettings(duckdb::DatabaseInstance& instance, const DatabaseOptions& options) {
  using duckdb::LogicalType;
  using duckdb::Value;
  auto& config = duckdb::DBConfig::GetConfig(instance);
  config.AddExtensionOption(kStatementTimeout,
                            "Cancels a statement that runs longer: milliseconds, or 1s, 5min, 2h; "
                            "0 is no limit",
                            LogicalType::VARCHAR, Value("0"), SetStatementTimeout);
  config.AddExtensionOption(kBatchSize,
                            "Rows that a record batch of a result has at most, from 65536 to "
                            "1048576; 0 is 122880, the unit of storage",
                            LogicalType::UBIGINT, Value::UBIGINT(0), CheckBatchSize);
  RegisterPostgresSettings(config, std::make_index_sequence<kPostgresSettings.size()>());
  config.AddExtensionOption("durability",
                            "What an acknowledged commit survives: full (power loss), normal (a "
                            "killed process), off; chosen when the database is opened",
                            LogicalType::VARCHAR,
                            Value(std::string(DurabilityName(options.durability))), RefuseToSet);
  config.AddExtensionOption("memtable_size",
                            "Bytes of recent rows in memory before they are written to segments; "
                            "chosen when the database is opened",
                            LogicalType::UBIGINT, Value::UBIGINT(options.memtable_size),
                            RefuseToSet);
  config.AddExtensionOption("read_only",
                            "Whether the database takes no writes; chosen when it is opened",
                            LogicalType::BOOLEAN, Value::BOOLEAN(options.read_only), RefuseToSet);
}

}  // namespace pyralog::sql
