#include "lsm/manifest_edit.h"

#include <nlohmann/json.hpp>

#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

using nlohmann::json;

json Bytes(const std::string& s) { return json::binary({s.begin(), s.end()}); }

arrow::Result<std::string> TakeBytes(const json& value) {
  if (!value.is_binary())
    return MakeError(ErrorCode::kDamaged, "a manifest edit holds no bytes where they belong");
  const auto& bytes = value.get_binary();
  return std::string(bytes.begin(), bytes.end());
}

json EncodeMeta(const MetaMap& from, const MetaMap& to, json* at) {
  json meta = json::object();
  for (const auto& [key, value] : to) {
    const auto old = from.find(key);
    if (old != from.end() && old->second.commit == value.commit) continue;
    meta[key] = Bytes(value.value);
    (*at)[key] = value.commit.value();
  }
  for (const auto& [key, value] : from) {
    if (!to.contains(key)) meta[key] = nullptr;
  }
  return meta;
}

arrow::Result<json> EncodeTable(const ManifestTable& table) {
  json schemas = json::array();
  for (const auto& [commit, schema] : table.schemas) {
    ARROW_ASSIGN_OR_RAISE(const std::string bytes, SerializeTableSchema(*schema));
    schemas.push_back({commit.value(), Bytes(bytes)});
  }
  return json{{"schemas", schemas}, {"ordinal", table.flushed_ordinal}};
}

arrow::Status EncodeTables(const ManifestState& from, const ManifestState& to, json* edit) {
  json tables = json::object();
  json order = json::object();
  for (const auto& [id, table] : to.tables) {
    const auto old = from.tables.find(id);
    const std::string key = std::to_string(id.value());
    const bool known = old != from.tables.end();
    if (!known || old->second.schemas != table.schemas ||
        old->second.flushed_ordinal != table.flushed_ordinal) {
      ARROW_ASSIGN_OR_RAISE(tables[key], EncodeTable(table));
    }
    if (known ? old->second.segments == table.segments : table.segments.empty()) continue;
    json ids = json::array();
    for (SegmentId segment : table.segments) ids.push_back(segment.value());
    order[key] = std::move(ids);
  }
  for (const auto& [id, table] : from.tables) {
    if (!to.tables.contains(id)) tables[std::to_string(id.value())] = nullptr;
  }
  if (!tables.empty()) (*edit)["tables"] = std::move(tables);
  if (!order.empty()) (*edit)["order"] = std::move(order);
  return arrow::Status::OK();
}

void EncodeSegments(const ManifestState& from, const ManifestState& to, json* edit) {
  json add = json::array();
  json remove = json::array();
  json packs = json::object();
  for (const auto& [id, m] : to.segments) {
    if (from.segments.contains(id)) continue;
    add.push_back({m.id.value(), m.table.value(), m.schema_version, m.level, m.rows, m.arrow_bytes,
                   m.index_bytes, m.index_check, m.min_birth.value(), m.max_birth.value()});
  }
  for (const auto& [id, m] : from.segments) {
    if (!to.segments.contains(id)) remove.push_back(id.value());
  }
  for (const auto& [id, pack] : to.packs) {
    const auto old = from.packs.find(id);
    if (old == from.packs.end() || old->second != pack) packs[std::to_string(id.value())] = pack;
  }
  if (!add.empty()) (*edit)["add"] = std::move(add);
  if (!remove.empty()) (*edit)["remove"] = std::move(remove);
  if (!packs.empty()) (*edit)["packs"] = std::move(packs);
}

SegmentMeta TakeSegmentMeta(const json& v) {
  SegmentMeta m;
  m.id = SegmentId(v.at(0).get<uint64_t>());
  m.table = TableId(v.at(1).get<uint32_t>());
  m.schema_version = v.at(2).get<uint32_t>();
  m.level = v.at(3).get<uint32_t>();
  m.rows = v.at(4).get<uint64_t>();
  m.arrow_bytes = v.at(5).get<uint64_t>();
  m.index_bytes = v.at(6).get<uint64_t>();
  m.index_check = v.at(7).get<uint64_t>();
  m.min_birth = CommitNumber(v.at(8).get<uint64_t>());
  m.max_birth = CommitNumber(v.at(9).get<uint64_t>());
  return m;
}

arrow::Status ApplyMeta(const json& edit, ManifestState* state) {
  auto meta = std::make_shared<MetaMap>(*state->meta);
  for (const auto& [key, value] : edit.at("meta").items()) {
    if (value.is_null()) {
      meta->erase(key);
      continue;
    }
    ARROW_ASSIGN_OR_RAISE((*meta)[key].value, TakeBytes(value));
    (*meta)[key].commit = CommitNumber(edit.at("meta_at").at(key).get<uint64_t>());
  }
  state->meta = std::move(meta);
  return arrow::Status::OK();
}

arrow::Status ApplyTables(const json& tables, ManifestState* state) {
  for (const auto& [key, value] : tables.items()) {
    const TableId id(static_cast<uint32_t>(std::stoul(key)));
    if (value.is_null()) {
      state->tables.erase(id);
      continue;
    }
    ManifestTable& table = state->tables[id];
    table.schemas.clear();
    for (const json& entry : value.at("schemas")) {
      ARROW_ASSIGN_OR_RAISE(const std::string bytes, TakeBytes(entry.at(1)));
      ARROW_ASSIGN_OR_RAISE(auto schema, DeserializeTableSchema(bytes));
      table.schemas.emplace_back(CommitNumber(entry.at(0).get<uint64_t>()), std::move(schema));
    }
    table.flushed_ordinal = value.at("ordinal").get<uint64_t>();
  }
  return arrow::Status::OK();
}

void ApplySegments(const json& edit, ManifestState* state) {
  if (edit.contains("add")) {
    for (const json& entry : edit.at("add")) {
      SegmentMeta meta = TakeSegmentMeta(entry);
      state->segments[meta.id] = meta;
    }
  }
  if (edit.contains("packs")) {
    for (const auto& [key, pack] : edit.at("packs").items()) {
      state->packs[SegmentId(std::stoull(key))] = pack.get<uint64_t>();
    }
  }
  if (edit.contains("remove")) {
    for (const json& id : edit.at("remove")) {
      state->segments.erase(SegmentId(id.get<uint64_t>()));
      state->packs.erase(SegmentId(id.get<uint64_t>()));
    }
  }
  if (edit.contains("order")) {
    for (const auto& [key, ids] : edit.at("order").items()) {
      auto& segments = state->tables.at(TableId(static_cast<uint32_t>(std::stoul(key)))).segments;
      segments.clear();
      for (const json& id : ids) segments.emplace_back(id.get<uint64_t>());
    }
  }
}

arrow::Status Apply(const json& edit, ManifestState* state) {
  static const std::set<std::string> kKnown = {"log",    "log_from", "commit", "ids",
                                               "meta",   "meta_at",  "tables", "add",
                                               "remove", "order",    "packs"};
  for (const auto& [key, value] : edit.items()) {
    if (!kKnown.contains(key)) {
      return MakeError(ErrorCode::kFormatVersion,
                       "the manifest holds '" + key +
                           "', which this build does not know: "
                           "the database was written by a newer build of Pyralog");
    }
  }
  if (edit.contains("log")) state->log_number = edit.at("log").get<uint32_t>();
  if (edit.contains("log_from"))
    state->log_from = CommitNumber(edit.at("log_from").get<uint64_t>());
  if (edit.contains("commit")) state->commit = CommitNumber(edit.at("commit").get<uint64_t>());
  if (edit.contains("ids")) {
    state->next_table = edit.at("ids").at(0).get<uint32_t>();
    state->next_segment = edit.at("ids").at(1).get<uint64_t>();
    state->next_pack = edit.at("ids").at(2).get<uint64_t>();
  }
  if (edit.contains("meta")) ARROW_RETURN_NOT_OK(ApplyMeta(edit, state));
  if (edit.contains("tables")) ARROW_RETURN_NOT_OK(ApplyTables(edit.at("tables"), state));
  ApplySegments(edit, state);
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<std::string> EncodeManifestEdit(const ManifestState& from, const ManifestState& to) {
  json edit = {{"log", to.log_number},
               {"commit", to.commit.value()},
               {"ids", {to.next_table, to.next_segment, to.next_pack}}};
  if (to.log_from) edit["log_from"] = to.log_from->value();
  if (from.meta != to.meta) {
    json at = json::object();
    json meta = EncodeMeta(*from.meta, *to.meta, &at);
    if (!meta.empty()) {
      edit["meta"] = std::move(meta);
      edit["meta_at"] = std::move(at);
    }
  }
  ARROW_RETURN_NOT_OK(EncodeTables(from, to, &edit));
  EncodeSegments(from, to, &edit);
  const std::vector<uint8_t> bytes = json::to_cbor(edit);
  return std::string(bytes.begin(), bytes.end());
}

arrow::Status ApplyManifestEdit(std::string_view bytes, ManifestState* state) {
  // nlohmann-json reports misuse by exceptions only; here is the one place that meets them.
  try {
    const json edit = json::from_cbor(bytes.begin(), bytes.end());
    return Apply(edit, state);
  } catch (const std::exception& error) {
    return MakeError(ErrorCode::kDamaged,
                     std::string("a manifest edit cannot be read: ") + error.what());
  }
}

}  // namespace pyralog::lsm
