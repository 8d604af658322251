#include <memory>
#include <vector>

#include "net/gzip.h"
#include "net/test_session.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/targets.h"

namespace thalo::fuzz {

namespace {

using namespace net;
using net::testing::ClientFrames;
using net::testing::Frame;
using net::testing::grpc_message;
using net::testing::HeaderList;
using net::testing::TestSession;

constexpr std::size_t message_bytes_max = 4096;
constexpr std::size_t send_bytes_max = 64 << 10;

// Echoes, and now and then pauses.
class EchoHandler final : public StreamHandler {
 public:
  EchoHandler(Stream stream, Reached& reached) : stream_(std::move(stream)), reached_(reached) {}
  void on_message(std::string_view message) override {
    ++reached_.messages;
    check(!ended_, "nothing follows the end of a stream");
    check(message.size() <= message_bytes_max, "no message is larger than allowed");
    (void)stream_.write(message, message.size() % 2 == 0 ? Compression::gzip : Compression::none);
    if (message.starts_with("pause")) stream_.pause_reading();
    if (message.starts_with("stop")) stream_.finish(Status::error(base::Code::aborted, std::string(message)));
  }
  void on_half_close() override {
    check(!ended_, "a stream is half-closed once");
    ended_ = true;
    stream_.finish(Status::ok());
  }
  void on_cancelled() override {
    check(!ended_, "a finished call is not cancelled");
    ended_ = true;
  }
  Stream& stream() { return stream_; }

 private:
  Stream stream_;
  Reached& reached_;
  bool ended_ = false;
};

struct Service {
  explicit Service(Reached& reached) : reached(reached) {}
  Reached& reached;
  std::vector<UnaryCall> held;
  std::vector<Stream> streams;

  Router router() {
    Router router;
    router.unary("/f.S/Echo", [this](UnaryCall call) {
      ++reached.unary_calls;
      check(call.request().size() <= message_bytes_max, "no request is larger than allowed");
      call.finish(std::string(call.request()), Compression::gzip);
    });
    router.unary("/f.S/Hold", [this](UnaryCall call) {
      ++reached.unary_calls;
      held.push_back(std::move(call));
    });
    router.streaming("/f.S/Chat", [this](Stream stream) {
      ++reached.streams;
      streams.push_back(stream);
      return std::make_unique<EchoHandler>(std::move(stream), reached);
    });
    return router;
  }
};

ServerOptions options() {
  ServerOptions options;
  options.receive_message_bytes_max = message_bytes_max;
  options.stream_send_bytes_max = send_bytes_max;
  options.stream_send_high_water_bytes = 8 << 10;
  options.stream_send_low_water_bytes = 2 << 10;
  options.stream_receive_window_bytes = 64 << 10;
  options.streams_max = 20;
  options.connection_receive_bytes_max = 128 << 10;
  options.connection_send_bytes_max = 128 << 10;
  options.header_list_bytes_max = 4096;
  return options;
}

void note(const TestSession& session, Reached& reached) {
  for (const Frame& frame : session.frames()) {
    if (frame.type == NGHTTP2_GOAWAY) ++reached.goaways;
    if (frame.type != NGHTTP2_HEADERS || !frame.ends_stream()) continue;
    ++reached.answers;
    if (frame.header("grpc-status") != "0") ++reached.rejections;
  }
}

}  // namespace

void net_session(std::string_view input, Reached& reached) {
  if (input.size() < 2) return;
  const std::size_t chunk_bytes = 1 + static_cast<unsigned char>(input[0]) * std::size_t{16};
  const auto habits = static_cast<unsigned char>(input[1]);
  input.remove_prefix(2);
  Service service(reached);
  TestSession session(service.router(), options());
  for (std::size_t step = 0; !input.empty(); ++step) {
    session.receive(input.substr(0, chunk_bytes));
    input.remove_prefix(std::min(chunk_bytes, input.size()));
    check(service.held.size() <= options().streams_max, "no more calls run than are allowed");
    session.turn([&] {
      if ((habits & 1) != 0 && step % 2 == 0) service.held.clear();
      if ((habits & 2) != 0) {
        for (Stream& stream : service.streams) stream.resume_reading();
      }
      if ((habits & 4) != 0 && !service.held.empty()) {
        service.held.back().finish("answer");
        service.held.pop_back();
      }
      if ((habits & 8) != 0 && step == 5) session.session().start_drain();
      if ((habits & 16) != 0 && step == 8) session.session().cancel_all(Status::error(base::Code::unavailable, "over"));
    });
    for (const Stream& stream : service.streams) {
      check(stream.pending_bytes() <= send_bytes_max + message_bytes_max, "what waits to be sent is bounded");
    }
  }
  note(session, reached);
  if ((habits & 32) != 0) session.close();
}

std::vector<std::string> net_session_seeds() {
  std::vector<std::string> seeds;
  const auto add = [&](char chunk, char habits, const std::string& bytes) {
    seeds.push_back(std::string{chunk, habits} + ClientFrames::preface() + bytes);
  };
  {
    ClientFrames client;
    std::string bytes = client.unary(1, "/f.S/Echo", "hello", {{"grpc-timeout", "10S"}, {"k-bin", "AAE"}});
    bytes += client.unary(3, "/f.S/Hold", std::string(3000, 'x'), {{"grpc-accept-encoding", "gzip"}});
    bytes += ClientFrames::ping() + ClientFrames::window_update(0, 1000) + ClientFrames::reset(3);
    bytes += client.unary(5, "/f.S/Nothing", "");
    add(4, 5, bytes);
    add(100, 47, bytes);
  }
  {
    ClientFrames client;
    std::string bytes =
        client.headers(1, ClientFrames::grpc_headers("/f.S/Chat", {{"grpc-accept-encoding", "gzip"}}), false);
    for (const char* message : {"one", "two!", "pause", "three", "stop"}) {
      bytes += ClientFrames::data(1, grpc_message(message), false);
    }
    bytes += client.headers(3, ClientFrames::grpc_headers("/f.S/Chat"), false);
    bytes += ClientFrames::data(3, grpc_message("a") + grpc_message("b"), true);
    add(1, 3, bytes);
    add(50, 35, bytes);
  }
  {
    ClientFrames client;
    std::string compressed;
    append_gzip(compressed, std::string(2000, 'z'));
    std::string bytes = client.headers(1, ClientFrames::grpc_headers("/f.S/Echo", {{"grpc-encoding", "gzip"}}), false);
    bytes += ClientFrames::data(1, grpc_message(compressed, true), true);
    bytes +=
        ClientFrames::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 10}, {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 20'000}});
    for (std::int32_t stream = 3; stream < 40; stream += 2) bytes += client.unary(stream, "/f.S/Hold", "wait");
    add(20, 24, bytes);
  }
  {
    ClientFrames client;
    HeaderList json = ClientFrames::grpc_headers("/f.S/Echo");
    json[4].second = "application/json";
    std::string bytes = client.headers(1, json, true);
    const std::string block =
        client.header_block(ClientFrames::grpc_headers("/f.S/Echo", {{"a", std::string(100, 'b')}}));
    bytes += net::testing::raw_frame(NGHTTP2_HEADERS, 0, 3, block.substr(0, 20));
    bytes += net::testing::raw_frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 3, block.substr(20));
    bytes += ClientFrames::data(3, grpc_message("x"), true);
    add(10, 0, bytes);
  }
  return seeds;
}

}  // namespace thalo::fuzz
