// pyralog cat: the rows of a foreign file.
#include <filesystem>
#include <utility>

#include "arrow/memory_pool.h"
#include "cli/commands.h"
#include "cli/deadline.h"
#include "cli/interrupts.h"
#include "formats/registry.h"
#include "io/glob.h"
#include "io/resolver.h"
#include "io/uri.h"
#include "pyralog/error.h"
#include "sql/sql_text.h"

namespace pyralog::cli {
namespace {

using ReaderPtr = std::shared_ptr<arrow::RecordBatchReader>;

// The scan tasks of a plan one after the other, cut to the limit.
class PlanReader : public arrow::RecordBatchReader {
 public:
  PlanReader(formats::ScanPlan plan, std::optional<int64_t> limit)
      : plan_(std::move(plan)), left_(limit) {}

  std::shared_ptr<arrow::Schema> schema() const override { return plan_.schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    while (left_ != 0) {
      if (Interrupts::Get().requested()) {
        return MakeError(ErrorCode::kInterrupted, "cancelled by Ctrl-C");
      }
      if (current_ == nullptr) {
        if (next_ == plan_.tasks.size()) break;
        ARROW_ASSIGN_OR_RAISE(current_, plan_.tasks[next_++]->Open());
      }
      ARROW_RETURN_NOT_OK(current_->ReadNext(batch));
      if (*batch != nullptr) {
        Cut(batch);
        break;
      }
      current_ = nullptr;
    }
    return arrow::Status::OK();
  }

 private:
  void Cut(std::shared_ptr<arrow::RecordBatch>* batch) {
    if (!left_) return;
    if ((*batch)->num_rows() > *left_) *batch = (*batch)->Slice(0, *left_);
    *left_ -= (*batch)->num_rows();
  }

  const formats::ScanPlan plan_;
  std::optional<int64_t> left_;  // rows that may still come
  size_t next_ = 0;              // task
  ReaderPtr current_;
};

// One run of the command: what is opened lives until the rows are written.
class CatRun {
 public:
  explicit CatRun(const CatArguments& arguments)
      : arguments_(arguments),
        pool_(arrow::default_memory_pool(), static_cast<int64_t>(arguments.memory_limit)) {}

  arrow::Result<ReaderPtr> Open() {
    ARROW_ASSIGN_OR_RAISE(path_, io::LocalPath(arguments_.uri));
    std::error_code ignored;
    if (io::HasWildcard(path_) && !std::filesystem::exists(path_, ignored)) return OpenPattern();
    ARROW_RETURN_NOT_OK(io::CheckRegularFile(path_));
    formats::Limits limits;
    limits.pool = &pool_;
    ARROW_ASSIGN_OR_RAISE(const auto source, formats::Source::Open(io::PosixEnv(), path_, limits));
    ARROW_ASSIGN_OR_RAISE(dataset_, formats::OpenDataset(source, arguments_.format));
    ARROW_ASSIGN_OR_RAISE(const auto relation, dataset_->OpenRelation(arguments_.member));
    if (relation == nullptr) return OpenBySql(dataset_->format().sql_reader);
    batch::ScanRequest request;
    request.limit = arguments_.limit;
    ARROW_ASSIGN_OR_RAISE(formats::ScanPlan plan, relation->Scan(request));
    return std::make_shared<PlanReader>(std::move(plan), arguments_.limit);
  }

  // Null unless the SQL engine reads.
  Session* session() const { return session_.get(); }
  // As error texts name the input.
  const std::string& path() const { return path_.empty() ? arguments_.uri : path_; }

 private:
  // Several files: what they are is told by the named format, else by the SQL engine's look at the
  // first.
  arrow::Result<ReaderPtr> OpenPattern() {
    if (arguments_.format.empty()) return OpenBySql("");
    ARROW_ASSIGN_OR_RAISE(const formats::Format* format, formats::FormatNamed(arguments_.format));
    const std::string& reader = format->info().sql_reader;
    return OpenBySql(reader.empty() ? "read_" + format->info().name : reader);
  }

  arrow::Result<ReaderPtr> OpenBySql(const std::string& table_function) {
    DatabaseOptions options;
    options.memory_limit = arguments_.memory_limit;
    ARROW_ASSIGN_OR_RAISE(database_, Database::Open("", options));
    ARROW_ASSIGN_OR_RAISE(session_, database_->Connect());
    const std::string quoted = sql::QuoteText(path_);
    std::string sql = "SELECT * FROM ";
    sql += table_function.empty() ? quoted : table_function + "(" + quoted + ")";
    if (arguments_.limit) sql += " LIMIT " + std::to_string(*arguments_.limit);
    const Interrupts::Statement interruptible(session_.get());
    return session_->Query(sql);
  }

  const CatArguments& arguments_;
  std::string path_;
  arrow::CappedMemoryPool pool_;
  std::shared_ptr<formats::Dataset> dataset_;
  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
};

ExitCode RefuseInput(const arrow::Status& status, const CatRun& run, const Deadline& deadline) {
  if (deadline.passed()) {
    PrintToStderr(deadline.RefusalText());
    return ExitCode::kInputRefused;
  }
  PrintToStderr(RefusalText(status, run.path()));
  return Interrupts::Get().requested() ? ExitCode::kInterrupted : ExitCode::kInputRefused;
}

}  // namespace

ExitCode RunCat(const CatArguments& arguments) {
  Interrupts::Get().Start(Interrupts::Insistence::kEnd);
  CatRun run(arguments);
  Deadline deadline(arguments.timeout, arguments.uri);
  const auto reader = run.Open();
  if (!reader.ok()) return RefuseInput(reader.status(), run, deadline);
  const Interrupts::Statement interruptible(run.session());
  const auto out = std::make_shared<StandardOutput>();
  const Display display = DisplayOf(arguments.mode);
  const auto writer = MakeResultWriter(out, (*reader)->schema(), display);
  if (!writer.ok()) return RefuseInput(writer.status(), run, deadline);
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    if (const arrow::Status read = (*reader)->ReadNext(&batch); !read.ok()) {
      return RefuseInput(read, run, deadline);
    }
    if (batch == nullptr) break;
    const arrow::Status written = (*writer)->Write(*batch);
    if (!written.ok()) return ReportWritten(written, *out);
  }
  return ReportWritten((*writer)->Finish(), *out);
}

}  // namespace pyralog::cli
