#include "lsm/commit_record.h"

#include <algorithm>

#include "base/endian.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr uint8_t kPut = 1;
constexpr uint8_t kDelete = 2;
constexpr uint8_t kInMemtables = 1;
constexpr uint8_t kInSegment = 2;
constexpr uint8_t kInSegmentBitmap = 3;

void AppendString(std::string* out, std::string_view s) {
  AppendLittle(out, static_cast<uint32_t>(s.size()));
  out->append(s);
}

void AppendSegment(std::string* out, const SegmentMeta& m) {
  for (uint64_t v : {m.id.value(), uint64_t{m.table.value()}, uint64_t{m.schema_version},
                     uint64_t{m.level}, m.rows, m.arrow_bytes, m.index_bytes, m.index_check,
                     m.min_birth.value(), m.max_birth.value()}) {
    AppendLittle(out, v);
  }
}

void AppendDeletions(std::string* out, const LoggedDeletions& d) {
  AppendLittle(out, d.table.value());
  if (!d.segment) {
    AppendLittle(out, kInMemtables);
    AppendLittle(out, uint64_t{0});
    AppendLittle(out, static_cast<uint32_t>(d.ordinals.size()));
    for (const uint64_t ordinal : d.ordinals) AppendLittle(out, ordinal);
    return;
  }
  AppendLittle(out, d.rows.words().empty() ? kInSegment : kInSegmentBitmap);
  AppendLittle(out, d.segment->value());
  AppendLittle(out, static_cast<uint32_t>(d.rows.size()));
  for (const uint32_t row : d.rows.list()) AppendLittle(out, row);
  if (d.rows.words().empty()) return;
  AppendLittle(out, static_cast<uint32_t>(d.rows.words().size()));
  for (const uint64_t word : d.rows.words()) AppendLittle(out, word);
}

// Takes values off the front of the bytes; after the first one that does not fit, everything is
// zero and ok() false.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  void Fail() { ok_ = false; }
  template <class T>
  T Take() {
    if (!Fits(sizeof(T))) return T{};
    T value = LoadLittle<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view TakeString() {
    const auto size = Take<uint32_t>();
    if (!Fits(size)) return {};
    std::string_view s = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return s;
  }
  // A count of things that take at least `each` bytes.
  uint32_t TakeCount(size_t each) {
    const auto count = Take<uint32_t>();
    return Fits(uint64_t{count} * each) ? count : 0;
  }

 private:
  bool Fits(uint64_t size) { return ok_ = ok_ && size <= rest_.size(); }

  std::string_view rest_;
  bool ok_ = true;
};

SegmentMeta TakeSegment(Cursor* in) {
  SegmentMeta m;
  m.id = SegmentId(in->Take<uint64_t>());
  m.table = TableId(static_cast<uint32_t>(in->Take<uint64_t>()));
  m.schema_version = static_cast<uint32_t>(in->Take<uint64_t>());
  m.level = static_cast<uint32_t>(in->Take<uint64_t>());
  m.rows = in->Take<uint64_t>();
  m.arrow_bytes = in->Take<uint64_t>();
  m.index_bytes = in->Take<uint64_t>();
  m.index_check = in->Take<uint64_t>();
  m.min_birth = CommitNumber(in->Take<uint64_t>());
  m.max_birth = CommitNumber(in->Take<uint64_t>());
  return m;
}

// `n` rows as a list.
RowSet TakeRowList(Cursor* in, uint32_t n) {
  RowSet rows;
  for (uint32_t i = 0; i < n; ++i) {
    const auto row = in->Take<uint32_t>();
    if (!rows.empty() && row <= rows.max()) in->Fail();
    if (!in->ok()) return rows;
    rows.Add(row);
  }
  return rows;
}

// `n` rows as a bitmap.
RowSet TakeRowBitmap(Cursor* in, uint32_t n) {
  RowSet rows;
  const uint32_t words = in->TakeCount(sizeof(uint64_t));
  if (words > (uint64_t{1} << 32) / 64) in->Fail();
  for (uint32_t w = 0; w < words && in->ok(); ++w) {
    rows.AddWord(w * 64, in->Take<uint64_t>());
  }
  if (rows.size() != n) in->Fail();
  return rows;
}

LoggedDeletions TakeDeletions(Cursor* in) {
  LoggedDeletions d;
  d.table = TableId(in->Take<uint32_t>());
  const auto where = in->Take<uint8_t>();
  const auto segment = in->Take<uint64_t>();
  if (where == kInSegment) {
    d.segment = SegmentId(segment);
    d.rows = TakeRowList(in, in->TakeCount(sizeof(uint32_t)));
  } else if (where == kInSegmentBitmap) {
    d.segment = SegmentId(segment);
    d.rows = TakeRowBitmap(in, in->Take<uint32_t>());
  } else if (where == kInMemtables) {
    const uint32_t n = in->TakeCount(sizeof(uint64_t));
    d.ordinals.reserve(n);
    for (uint32_t i = 0; i < n; ++i) d.ordinals.push_back(in->Take<uint64_t>());
  } else {
    in->Fail();
  }
  return d;
}

}  // namespace

uint32_t CommitRecordType(const CommitRecord& record) {
  const bool bitmaps = std::ranges::any_of(
      record.deletions, [](const LoggedDeletions& d) { return !d.rows.words().empty(); });
  return bitmaps ? kBigCommitRecord : kCommitRecord;
}

arrow::Result<std::string> EncodeCommitRecord(const CommitRecord& record) {
  std::string out;
  size_t rows = 0;
  for (const auto& r : record.rows) rows += r.encoded.size();
  out.reserve(rows + 256);
  AppendLittle(&out, record.commit.value());
  AppendLittle(&out, static_cast<uint32_t>(record.meta.size()));
  for (const MetaChange& change : record.meta) {
    AppendLittle(&out, change.value ? kPut : kDelete);
    AppendString(&out, change.key);
    if (change.value) AppendString(&out, *change.value);
  }
  AppendLittle(&out, static_cast<uint32_t>(record.tables.size()));
  for (const TableChange& change : record.tables) {
    AppendLittle(&out, static_cast<uint8_t>(change.op));
    AppendLittle(&out, change.table.value());
    if (change.op == TableOp::kDrop) continue;
    ARROW_ASSIGN_OR_RAISE(const std::string schema, SerializeTableSchema(*change.schema));
    AppendString(&out, schema);
  }
  AppendLittle(&out, static_cast<uint32_t>(record.rows.size()));
  for (const LoggedRows& r : record.rows) {
    AppendLittle(&out, r.table.value());
    AppendLittle(&out, r.schema_version);
    AppendLittle(&out, r.first_ordinal);
    AppendString(&out, r.encoded);
  }
  AppendLittle(&out, static_cast<uint32_t>(record.segments.size()));
  for (const SegmentMeta& meta : record.segments) AppendSegment(&out, meta);
  AppendLittle(&out, static_cast<uint32_t>(record.deletions.size()));
  for (const LoggedDeletions& d : record.deletions) AppendDeletions(&out, d);
  return out;
}

arrow::Result<CommitRecord> DecodeCommitRecord(std::string_view body) {
  Cursor in(body);
  CommitRecord record;
  record.commit = CommitNumber(in.Take<uint64_t>());
  for (uint32_t n = in.TakeCount(5); n > 0; --n) {
    const auto op = in.Take<uint8_t>();
    MetaChange change;
    change.key = in.TakeString();
    if (op == kPut) change.value = std::string(in.TakeString());
    record.meta.push_back(std::move(change));
  }
  for (uint32_t n = in.TakeCount(5); n > 0; --n) {
    TableChange change{static_cast<TableOp>(in.Take<uint8_t>()), TableId(in.Take<uint32_t>()),
                       nullptr};
    if (change.op != TableOp::kDrop) {
      ARROW_ASSIGN_OR_RAISE(change.schema, DeserializeTableSchema(in.TakeString()));
    }
    record.tables.push_back(std::move(change));
  }
  for (uint32_t n = in.TakeCount(20); n > 0; --n) {
    LoggedRows rows;
    rows.table = TableId(in.Take<uint32_t>());
    rows.schema_version = in.Take<uint32_t>();
    rows.first_ordinal = in.Take<uint64_t>();
    rows.encoded = in.TakeString();
    record.rows.push_back(rows);
  }
  for (uint32_t n = in.TakeCount(80); n > 0; --n) record.segments.push_back(TakeSegment(&in));
  for (uint32_t n = in.TakeCount(17); n > 0; --n) record.deletions.push_back(TakeDeletions(&in));
  if (!in.ok() || !in.at_end())
    return MakeError(ErrorCode::kDamaged, "a commit record does not end where it should");
  return record;
}

}  // namespace pyralog::lsm
