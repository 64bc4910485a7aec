#include "sql/parquet_bounds.h"

#include <atomic>
#include <utility>

#include "duckdb/function/partition_stats.hpp"
#include "duckdb/storage/statistics/base_statistics.hpp"

namespace pyralog::sql {
namespace {

// DuckDB's own, which is the same in every instance.
std::atomic<duckdb::table_function_get_partition_stats_t> parquet_partitions = nullptr;

class BoundsOfRowGroup final : public duckdb::PartitionRowGroup {
 public:
  explicit BoundsOfRowGroup(duckdb::shared_ptr<duckdb::PartitionRowGroup> given)
      : given_(std::move(given)) {}

  duckdb::unique_ptr<duckdb::BaseStatistics> GetColumnStatistics(
      const duckdb::StorageIndex& column) override {
    return given_->GetColumnStatistics(column);
  }
  bool MinMaxIsExact(const duckdb::BaseStatistics& statistics,
                     const duckdb::StorageIndex& column) override {
    const auto type = statistics.GetType().InternalType();
    const bool may_be_nan =
        type == duckdb::PhysicalType::FLOAT || type == duckdb::PhysicalType::DOUBLE;
    return !may_be_nan && given_->MinMaxIsExact(statistics, column);
  }

 private:
  const duckdb::shared_ptr<duckdb::PartitionRowGroup> given_;
};

duckdb::vector<duckdb::PartitionStatistics> Partitions(duckdb::ClientContext& context,
                                                       duckdb::GetPartitionStatsInput& input) {
  auto partitions = parquet_partitions.load()(context, input);
  for (auto& partition : partitions) {
    if (partition.partition_row_group == nullptr) continue;
    partition.partition_row_group =
        duckdb::make_shared_ptr<BoundsOfRowGroup>(std::move(partition.partition_row_group));
  }
  return partitions;
}

}  // namespace

void ReadFloatsForMinMax(duckdb::TableFunction* function) {
  if (function->get_partition_stats == nullptr || function->get_partition_stats == Partitions)
    return;
  parquet_partitions = function->get_partition_stats;
  function->get_partition_stats = Partitions;
}

}  // namespace pyralog::sql
