#include "tests/interop/test_service.h"

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpc/testing/empty.pb.h"
#include "grpc/testing/messages.pb.h"
#include "xds/data/orca/v3/orca_load_report.pb.h"
#include "xds/service/orca/v3/orca.pb.h"

namespace thalo::interop {

namespace {

namespace pb = ::grpc::testing;
using base::Code;
using net::Compression;
using net::Metadata;
using net::Status;
using net::Stream;
using net::StreamHandler;
using net::UnaryCall;
using LoadReport = ::xds::data::orca::v3::OrcaLoadReport;

// What the server tells about its load beside the calls: the last that a client asked it to tell.
struct SharedLoad {
  std::mutex mutex;
  LoadReport report;
};

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

Status bad_request() {
  return Status::error(Code::invalid_argument, "the request is not the message that the method takes");
}

LoadReport to_load_report(const pb::TestOrcaReport& report) {
  LoadReport load;
  load.set_cpu_utilization(report.cpu_utilization());
  load.set_mem_utilization(report.memory_utilization());
  *load.mutable_request_cost() = report.request_cost();
  *load.mutable_utilization() = report.utilization();
  return load;
}

Metadata echoed(const Metadata& metadata, std::string_view name) {
  Metadata echo;
  if (const auto value = metadata.get(name)) echo.add(name, *value);
  return echo;
}
constexpr std::string_view echo_initial = "x-grpc-test-echo-initial";
constexpr std::string_view echo_trailing = "x-grpc-test-echo-trailing-bin";

void unary_call(UnaryCall call) {
  pb::SimpleRequest request;
  if (!parse(request, call.request())) return call.fail(bad_request());
  call.set_initial_metadata(echoed(call.metadata(), echo_initial));
  Metadata trailing = echoed(call.metadata(), echo_trailing);
  if (request.has_orca_per_query_report()) {
    trailing.add("endpoint-load-metrics-bin", to_load_report(request.orca_per_query_report()).SerializeAsString());
  }
  call.set_trailing_metadata(std::move(trailing));
  if (request.response_status().code() != 0) {
    return call.fail(
        Status{static_cast<std::uint32_t>(request.response_status().code()), request.response_status().message(), {}});
  }
  if (request.response_size() < 0) return call.fail(Status::error(Code::invalid_argument, "response_size is negative"));
  pb::SimpleResponse response;
  response.mutable_payload()->set_body(std::string(static_cast<std::size_t>(request.response_size()), '\0'));
  if (request.fill_server_id()) response.set_server_id("thalo");
  call.finish(response.SerializeAsString(),
              request.response_compressed().value() ? Compression::gzip : Compression::none);
}

// Sends the responses that requests ask for, each in its time and never more than the stream takes.
class ResponseSequence : public std::enable_shared_from_this<ResponseSequence> {
 public:
  ResponseSequence(Stream stream, Scheduler& scheduler, Metadata trailing)
      : stream_(std::move(stream)), scheduler_(scheduler), trailing_(std::move(trailing)) {}

  void add(const pb::StreamingOutputCallRequest& request) {
    {
      std::lock_guard lock(mutex_);
      waiting_.insert(waiting_.end(), request.response_parameters().begin(), request.response_parameters().end());
    }
    go_on();
  }

  // Finishes the call once everything added is sent.
  void end() {
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
    }
    go_on();
  }

  void go_on() {
    std::lock_guard lock(mutex_);
    while (!waiting_.empty() && !sleeping_ && stream_.writable()) {
      if (const int delay = waiting_.front().interval_us(); delay > 0) {
        waiting_.front().set_interval_us(0);
        sleeping_ = true;
        scheduler_.after(std::chrono::microseconds(delay), [self = shared_from_this()] { self->wake_up(); });
        return;
      }
      send(waiting_.front());
      waiting_.pop_front();
    }
    if (waiting_.empty() && ended_) stream_.finish(Status::ok(), trailing_);
  }

 private:
  void wake_up() {
    {
      std::lock_guard lock(mutex_);
      sleeping_ = false;
    }
    go_on();
  }

  void send(const pb::ResponseParameters& parameters) {
    if (parameters.size() < 0) return stream_.finish(Status::error(Code::invalid_argument, "a size is negative"));
    pb::StreamingOutputCallResponse response;
    response.mutable_payload()->set_body(std::string(static_cast<std::size_t>(parameters.size()), '\0'));
    // A client that has gone is noticed by the handler.
    (void)stream_.write(response.SerializeAsString(),
                        parameters.compressed().value() ? Compression::gzip : Compression::none);
  }

  std::mutex mutex_;
  Stream stream_;
  Scheduler& scheduler_;
  const Metadata trailing_;
  std::deque<pb::ResponseParameters> waiting_;
  bool sleeping_ = false;
  bool ended_ = false;
};

// StreamingOutputCall, FullDuplexCall and, answering only after the last request, HalfDuplexCall.
class OutputHandler final : public StreamHandler {
 public:
  enum class Answers { at_once, at_the_end };
  OutputHandler(Stream stream, Scheduler& scheduler, std::shared_ptr<SharedLoad> load, Answers answers)
      : stream_(stream),
        responses_(std::make_shared<ResponseSequence>(stream, scheduler, echoed(stream.metadata(), echo_trailing))),
        load_(std::move(load)),
        answers_(answers) {
    if (stream_.metadata().get(echo_initial))
      stream_.send_initial_metadata(echoed(stream_.metadata(), echo_initial), Compression::gzip);
  }

  void on_message(std::string_view message) override {
    pb::StreamingOutputCallRequest request;
    if (!parse(request, message)) return stream_.finish(bad_request());
    if (const pb::EchoStatus& status = request.response_status(); status.code() != 0) {
      return stream_.finish(Status{static_cast<std::uint32_t>(status.code()), status.message(), {}});
    }
    if (request.has_orca_oob_report()) {
      std::lock_guard lock(load_->mutex);
      load_->report = to_load_report(request.orca_oob_report());
    }
    if (answers_ == Answers::at_once) {
      responses_->add(request);
    } else {
      requests_.push_back(std::move(request));
    }
  }

  void on_half_close() override {
    for (const auto& request : requests_) responses_->add(request);
    responses_->end();
  }

  void on_writable() override { responses_->go_on(); }

 private:
  Stream stream_;
  std::shared_ptr<ResponseSequence> responses_;
  std::shared_ptr<SharedLoad> load_;
  const Answers answers_;
  std::vector<pb::StreamingOutputCallRequest> requests_;
};

class InputHandler final : public StreamHandler {
 public:
  InputHandler(Stream stream, Scheduler& scheduler) : stream_(std::move(stream)), scheduler_(scheduler) {}

  void on_message(std::string_view message) override {
    pb::StreamingInputCallRequest request;
    if (!parse(request, message)) return stream_.finish(bad_request());
    has_message_ = true;
    total_bytes_ += request.payload().body().size();
  }

  void on_half_close() override {
    if (has_message_) return answer(stream_, total_bytes_);
    // The client of cancel_after_begin cancels and half-closes in one breath, and takes an answer that is there before
    // it has looked at its own cancellation. A call without a message is answered when that cannot be any more.
    scheduler_.after(std::chrono::seconds(5), [stream = stream_] { answer(stream, 0); });
  }

 private:
  static void answer(Stream stream, std::size_t total_bytes) {
    pb::StreamingInputCallResponse response;
    response.set_aggregated_payload_size(static_cast<std::int32_t>(total_bytes));
    (void)stream.write(response.SerializeAsString());
    stream.finish(Status::ok());
  }

  Stream stream_;
  Scheduler& scheduler_;
  bool has_message_ = false;
  std::size_t total_bytes_ = 0;
};

class LoadHandler final : public StreamHandler {
 public:
  LoadHandler(Stream stream, Scheduler& scheduler, std::shared_ptr<SharedLoad> load)
      : stream_(std::move(stream)), scheduler_(scheduler), load_(std::move(load)) {}

  void on_message(std::string_view message) override {
    ::xds::service::orca::v3::OrcaLoadReportRequest request;
    if (!parse(request, message)) return stream_.finish(bad_request());
    report(stream_, scheduler_, load_);
  }
  void on_half_close() override {}

 private:
  static void report(const Stream& stream, Scheduler& scheduler, const std::shared_ptr<SharedLoad>& load) {
    std::string bytes;
    {
      std::lock_guard lock(load->mutex);
      bytes = load->report.SerializeAsString();
    }
    if (!Stream(stream).write(bytes)) return;
    scheduler.after(std::chrono::seconds(1), [stream, &scheduler, load] { report(stream, scheduler, load); });
  }

  Stream stream_;
  Scheduler& scheduler_;
  std::shared_ptr<SharedLoad> load_;
};

}  // namespace

void register_test_service(net::Router& router, Scheduler& scheduler) {
  const std::string service = "/grpc.testing.TestService/";
  router.unary(service + "EmptyCall", [](UnaryCall call) { call.finish({}); });
  router.unary(service + "UnaryCall", unary_call);
  router.unary(service + "CacheableUnaryCall", unary_call);
  const auto load = std::make_shared<SharedLoad>();
  const auto output = [&scheduler, load](OutputHandler::Answers answers) {
    return [&scheduler, load, answers](Stream stream) -> std::unique_ptr<StreamHandler> {
      return std::make_unique<OutputHandler>(std::move(stream), scheduler, load, answers);
    };
  };
  router.streaming(service + "StreamingOutputCall", output(OutputHandler::Answers::at_once));
  router.streaming(service + "FullDuplexCall", output(OutputHandler::Answers::at_once));
  router.streaming(service + "HalfDuplexCall", output(OutputHandler::Answers::at_the_end));
  router.streaming(service + "StreamingInputCall", [&scheduler](Stream stream) {
    return std::make_unique<InputHandler>(std::move(stream), scheduler);
  });
  router.streaming("/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics", [&scheduler, load](Stream stream) {
    return std::make_unique<LoadHandler>(std::move(stream), scheduler, load);
  });
}

}  // namespace thalo::interop
