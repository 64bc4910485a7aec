// Segments of 1,000,000 rows: int64 "id" (key, shuffled), utf8 "name" (24 bytes), int32 "part",
// date32 "day", float64 "value".
//
//   Write/K      Append and Finish on a real disk, key as below; bytes of the .arrow file
//   Find/K/H     batches of 1024 keys, random order; a hit rate of H %; time is per key, comparison
//                included. K: 0 int64, 1 utf8, 2 int32 + utf8 + date32, 3 float64 (compared through
//                its encoding)
//   FirstTouch   all columns of a freshly opened segment: checksums and page faults of mapped,
//                cached files
//   Column       the same again, already verified
//   OpenMany     10,000 Segment::Open
#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "arrow/api.h"
#include "lsm/segment.h"

namespace pyralog::lsm {
namespace {

constexpr int64_t kBenchRows = 1000000;
constexpr int64_t kBatchKeys = 1024;

// Keys 0, 2, 4, ... are in the segment, odd ones are not.
class BenchTable {
 public:
  explicit BenchTable(int key_kind)
      : folder_(std::filesystem::temp_directory_path() / "pyralog_segment_bench") {
    std::filesystem::create_directories(folder_ / "tmp");
    static const std::vector<int> keys[] = {{0}, {1}, {2, 1, 3}, {4}};
    const auto schema = arrow::schema(
        {arrow::field("id", arrow::int64(), false), arrow::field("name", arrow::utf8(), false),
         arrow::field("part", arrow::int32(), false), arrow::field("day", arrow::date32(), false),
         arrow::field("value", arrow::float64(), false)});
    table_ = MakeTableSchema(schema, keys[key_kind]).ValueOrDie();
    order_.resize(kBenchRows);
    std::iota(order_.begin(), order_.end(), 0);
    std::shuffle(order_.begin(), order_.end(), std::mt19937(1));
  }
  ~BenchTable() { std::filesystem::remove_all(folder_); }

  SegmentMeta Write() const {
    auto writer =
        SegmentWriter::Create(io::PosixEnv(), folder_.string(), (folder_ / "tmp").string(),
                              DatabaseId{}, SegmentId(1), TableId(1), table_)
            .ValueOrDie();
    const CommitNumber birth(1);
    if (!writer->Append(*Rows(order_, 0), {&birth, 1}).ok()) std::abort();
    return writer->Finish().ValueOrDie();
  }
  std::shared_ptr<Segment> Open(const SegmentMeta& meta) const {
    return Segment::Open(io::PosixEnv(), folder_.string(), DatabaseId{}, meta, table_);
  }
  // The rows of these numbers; `odd` 1 makes their keys absent ones.
  std::shared_ptr<arrow::RecordBatch> Rows(const std::vector<int64_t>& numbers, int64_t odd) const {
    arrow::Int64Builder ids;
    arrow::StringBuilder names;
    arrow::Int32Builder parts;
    arrow::Date32Builder days;
    arrow::DoubleBuilder values;
    for (int64_t n : numbers) {
      const int64_t id = 2 * n + odd;
      char name[40];
      std::snprintf(name, sizeof(name), "customer-%015lld", static_cast<long long>(id));
      const bool appended = ids.Append(id).ok() && names.Append(name).ok() &&
                            parts.Append(static_cast<int32_t>(id % 97)).ok() &&
                            days.Append(static_cast<int32_t>(id % 1000)).ok() &&
                            values.Append(static_cast<double>(id)).ok();
      if (!appended) std::abort();
    }
    return arrow::RecordBatch::Make(
        table_->arrow, static_cast<int64_t>(numbers.size()),
        {ids.Finish().ValueOrDie(), names.Finish().ValueOrDie(), parts.Finish().ValueOrDie(),
         days.Finish().ValueOrDie(), values.Finish().ValueOrDie()});
  }
  const TableSchemaPtr& schema() const { return table_; }

 private:
  std::filesystem::path folder_;
  TableSchemaPtr table_;
  std::vector<int64_t> order_;
};

void Write(benchmark::State& state) {
  const BenchTable table(static_cast<int>(state.range(0)));
  uint64_t bytes = 0;
  for (auto _ : state) bytes = table.Write().arrow_bytes;
  state.SetItemsProcessed(state.iterations() * kBenchRows);
  state.counters["arrow_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(Write)->DenseRange(0, 1)->Unit(benchmark::kMillisecond)->UseRealTime();

void Find(benchmark::State& state) {
  const BenchTable table(static_cast<int>(state.range(0)));
  const auto segment = table.Open(table.Write());
  std::mt19937_64 random(2);
  std::vector<KeyBatch> batches(200);
  for (KeyBatch& batch : batches) {
    for (int64_t part = 0; part < 2; ++part) {
      const int64_t hits = kBatchKeys * state.range(1) / 100;
      std::vector<int64_t> numbers(static_cast<size_t>(part == 0 ? hits : kBatchKeys - hits));
      for (auto& n : numbers) n = static_cast<int64_t>(random() % kBenchRows);
      if (numbers.empty()) continue;
      if (!batch.Append(KeyColumns(*table.Rows(numbers, part), table.schema()->key)).ok())
        std::abort();
    }
  }
  std::vector<int64_t> which(kBatchKeys);
  std::iota(which.begin(), which.end(), 0);
  std::vector<int64_t> rows(kBatchKeys);
  for (const KeyBatch& batch : batches) {
    if (!segment->Find(batch, which, rows).ok()) std::abort();
  }
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(segment->Find(batches[next], which, rows).ok());
    next = (next + 1) % batches.size();
  }
  state.counters["ns_per_key"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kBatchKeys * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(Find)->ArgsProduct({{0, 1, 2, 3}, {0, 50, 100}});

void ReadColumns(Segment* segment) {
  for (int64_t unit = 0; unit < segment->num_units(); ++unit) {
    for (int column = 0; column < segment->schema()->num_fields(); ++column) {
      if (!segment->Column(unit, column).ok()) std::abort();
    }
  }
}

void FirstTouch(benchmark::State& state) {
  const BenchTable table(0);
  const SegmentMeta meta = table.Write();
  for (auto _ : state) ReadColumns(table.Open(meta).get());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(meta.arrow_bytes));
}
BENCHMARK(FirstTouch)->Unit(benchmark::kMillisecond);

void Column(benchmark::State& state) {
  const BenchTable table(0);
  const auto segment = table.Open(table.Write());
  ReadColumns(segment.get());
  for (auto _ : state) ReadColumns(segment.get());
  state.SetItemsProcessed(state.iterations() * segment->num_units() *
                          segment->schema()->num_fields());
}
BENCHMARK(Column);

void OpenMany(benchmark::State& state) {
  const BenchTable table(0);
  for (auto _ : state) {
    std::vector<std::shared_ptr<Segment>> segments;
    for (uint64_t i = 0; i < 10000; ++i) {
      SegmentMeta meta;
      meta.id = SegmentId(i);
      meta.rows = 1000;
      segments.push_back(table.Open(meta));
    }
  }
}
BENCHMARK(OpenMany)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pyralog::lsm

BENCHMARK_MAIN();
