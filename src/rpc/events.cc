#include "rpc/events.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "feed/filter.h"
#include "model/stream_name.h"
#include "rpc/server_stream.h"
#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

constexpr std::size_t batch_size_bytes = 64 << 10;
// How many events one read of the whole store looks at before it says where it is: a rare filter must not hold a
// reading thread for long.
constexpr std::uint64_t scan_events_max = 100'000;

constexpr std::uint64_t streams_per_message_max = 1000;
constexpr std::size_t stream_name_bytes_max = model::category_size_bytes_max + 1 + model::entity_id_size_bytes_max;

std::uint64_t limit_of(std::uint64_t limit) { return limit == 0 ? UINT64_MAX : limit; }

std::size_t size_of(const model::EventView& event) {
  return event.data.size() + event.metadata.size() + event.stream.size() + event.type.size() + 64;
}

// ReadStream: the events that exist when it starts; later ones are not shown.
class StreamSource final : public BatchSource {
 public:
  StreamSource(store::Store& store, v1::ReadStreamRequest request)
      : store_(store), request_(std::move(request)), left_(limit_of(request_.limit())) {}

  base::Result<Batch> next() override {
    if (!prepared_) {
      if (auto ready = prepare(); !ready) return std::unexpected(ready.error());
    }
    if (done_ || left_ == 0) return Batch{{}, true};
    const bool backwards = request_.backwards();
    v1::ReadStreamResponse response;
    std::size_t size_bytes = 0;
    auto shown = store_.read_stream({.stream = request_.stream(),
                                     .from = next_,
                                     .direction = backwards ? store::Direction::backwards : store::Direction::forwards,
                                     .limit = left_},
                                    [&](const model::EventView& event) {
                                      if (!backwards && event.position >= end_) return false;
                                      to_wire(store_.id(), event, *response.add_events());
                                      size_bytes += size_of(event);
                                      next_ = backwards ? event.position - 1 : event.position + 1;
                                      done_ = backwards ? event.position == 0 : next_ == end_;
                                      return !done_ && size_bytes < batch_size_bytes;
                                    });
    // What could be read goes out first; the next read meets the error again.
    if (!shown && response.events().empty()) return std::unexpected(shown.error());
    if (response.events().empty()) return Batch{{}, true};
    left_ -= static_cast<std::uint64_t>(response.events_size());
    return Batch{response.SerializeAsString(), done_ || left_ == 0};
  }

 private:
  base::Result<> prepare() {
    auto version = store_.stream_version(request_.stream());
    if (!version) return std::unexpected(version.error());
    end_ = *version;
    if (request_.backwards()) {
      next_ = end_ == 0 ? 0 : std::min<std::uint64_t>(request_.has_from() ? request_.from() : end_ - 1, end_ - 1);
    } else {
      next_ = request_.from();
    }
    prepared_ = true;
    done_ = end_ == 0 || (!request_.backwards() && next_ >= end_);
    return {};
  }

  store::Store& store_;
  const v1::ReadStreamRequest request_;
  bool prepared_ = false;
  bool done_ = false;
  model::Position next_ = 0;
  model::Position end_ = 0;
  std::uint64_t left_;
};

// ReadAll: the events that exist when it starts.
class AllSource final : public BatchSource {
 public:
  AllSource(store::Store& store, const v1::ReadAllRequest& request, store::Filter filter)
      : store_(store),
        filter_(std::move(filter)),
        next_(request.from()),
        end_(store.head()),
        left_(limit_of(request.limit())) {}

  base::Result<Batch> next() override {
    if (next_ >= end_ || left_ == 0) return Batch{{}, true};
    v1::ReadAllResponse response;
    std::size_t size_bytes = 0;
    auto read = store_.read_all(
        {.from = next_, .filter = &filter_, .limit = left_, .scan_limit = std::min(scan_events_max, end_ - next_)},
        [&](const model::EventView& event) {
          to_wire(store_.id(), event, *response.add_events());
          size_bytes += size_of(event);
          return size_bytes < batch_size_bytes;
        });
    if (!read) {
      if (response.events().empty()) return std::unexpected(read.error());
      // What could be read goes out first; the next read meets the error again.
      const auto last = response.events(response.events_size() - 1).global_position();
      read = store::AllResult{.next = last + 1, .shown = static_cast<std::uint64_t>(response.events_size())};
    }
    left_ -= read->shown;
    const bool stuck = read->next == next_;
    next_ = read->next;
    response.set_next(next_);
    response.set_skipped(read->skipped);
    return Batch{response.SerializeAsString(), stuck || next_ >= end_ || left_ == 0};
  }

 private:
  store::Store& store_;
  const store::Filter filter_;
  model::GlobalPosition next_;
  const model::GlobalPosition end_;
  std::uint64_t left_;
};

class StreamsSource final : public BatchSource {
 public:
  StreamsSource(store::Store& store, v1::ListStreamsRequest request)
      : store_(store), request_(std::move(request)), left_(limit_of(request_.limit())) {}

  base::Result<Batch> next() override {
    v1::ListStreamsResponse response;
    const std::uint64_t page_size = std::min(left_, streams_per_message_max);
    auto shown = store_.list_streams({request_.category(), request_.after(), page_size},
                                     [&](const store::StreamSummary& summary) {
                                       auto& stream = *response.add_streams();
                                       stream.set_name(summary.stream.data(), summary.stream.size());
                                       stream.set_version(summary.version);
                                       return true;
                                     });
    if (!shown) return std::unexpected(shown.error());
    if (*shown == 0) return Batch{{}, true};
    request_.set_after(response.streams(response.streams_size() - 1).name());
    left_ -= *shown;
    return Batch{response.SerializeAsString(), *shown < page_size || left_ == 0};
  }

 private:
  store::Store& store_;
  v1::ListStreamsRequest request_;
  std::uint64_t left_;
};

class AppendCaller final : public command::Caller {
 public:
  explicit AppendCaller(net::UnaryCall call) : call_(std::move(call)) {}
  bool gone() const override { return call_.cancelled(); }
  void answer(base::Result<command::ExecuteOutcome> outcome) override {
    if (!outcome) return call_.fail(std::move(outcome.error()));
    const auto& accepted = std::get<model::Accepted>(*outcome);
    v1::AppendResponse response;
    response.set_first_position(accepted.events.front().position);
    response.set_first_global_position(accepted.events.front().global_position);
    response.set_version(accepted.version);
    call_.finish(response.SerializeAsString());
  }

 private:
  net::UnaryCall call_;
};

void append(net::UnaryCall call, command::Router& commands) {
  auto request = parse<v1::AppendRequest>(call.request());
  if (!request) return call.fail(std::move(request.error()));
  command::AppendRequest append;
  append.stream = std::move(*request->mutable_stream());
  if (request->has_expected_version()) append.expected_version = request->expected_version();
  append.deadline = call.deadline();
  append.events.reserve(static_cast<std::size_t>(request->events_size()));
  for (v1::NewEvent& event : *request->mutable_events()) {
    if (append.events.empty() && event.has_time_ms()) append.time_ms = event.time_ms();
    append.events.push_back(
        {std::move(*event.mutable_type()), std::move(*event.mutable_data()), std::move(*event.mutable_metadata())});
  }
  commands.append(std::move(append), std::make_unique<AppendCaller>(std::move(call)));
}

}  // namespace

void add_events(net::Router& methods, store::Store& store, command::Router& commands, env::Executor& executor) {
  methods.streaming("/thalo.v1.Events/ReadStream", [&store, &executor](net::Stream stream) {
    return std::make_unique<BatchStreamHandler<v1::ReadStreamRequest>>(
        std::move(stream), executor,
        [&store](v1::ReadStreamRequest request) -> base::Result<std::unique_ptr<BatchSource>> {
          if (auto name = model::StreamName::parse(request.stream()); !name) return std::unexpected(name.error());
          return std::make_unique<StreamSource>(store, std::move(request));
        });
  });
  methods.streaming("/thalo.v1.Events/ReadAll", [&store, &executor](net::Stream stream) {
    return std::make_unique<BatchStreamHandler<v1::ReadAllRequest>>(
        std::move(stream), executor,
        [&store](const v1::ReadAllRequest& request) -> base::Result<std::unique_ptr<BatchSource>> {
          feed::Filter filter(1);
          filter[0].categories.assign(request.categories().begin(), request.categories().end());
          filter[0].types.assign(request.types().begin(), request.types().end());
          filter[0].streams.assign(request.streams().begin(), request.streams().end());
          if (auto legal = feed::check_filter(filter); !legal) return std::unexpected(legal.error());
          return std::make_unique<AllSource>(store, request, std::move(filter[0]));
        });
  });
  methods.streaming("/thalo.v1.Events/ListStreams", [&store, &executor](net::Stream stream) {
    return std::make_unique<BatchStreamHandler<v1::ListStreamsRequest>>(
        std::move(stream), executor,
        [&store](v1::ListStreamsRequest request) -> base::Result<std::unique_ptr<BatchSource>> {
          if (!request.category().empty()) {
            if (auto legal = model::check_category(request.category()); !legal) return std::unexpected(legal.error());
          }
          if (request.after().size() > stream_name_bytes_max) {
            return base::fail(base::Code::invalid_argument, "after has " + std::to_string(request.after().size()) +
                                                                " bytes; a stream's name has at most " +
                                                                std::to_string(stream_name_bytes_max));
          }
          return std::make_unique<StreamsSource>(store, std::move(request));
        });
  });
  methods.unary("/thalo.v1.Events/Append", [&commands](net::UnaryCall call) { append(std::move(call), commands); });
  methods.unary("/thalo.v1.Events/Head", [&store](net::UnaryCall call) {
    v1::HeadResponse response;
    response.set_head(store.head());
    response.set_store_id(store_id_text(store.id()));
    call.finish(response.SerializeAsString());
  });
}

}  // namespace thalo::rpc
