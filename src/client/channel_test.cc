#include "client/channel.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "thalo/v1/subscriptions.grpc.pb.h"

namespace thalo::client {
namespace {

// A server of one connection that speaks as much HTTP/2 as it takes to answer some pings, and then says nothing more.
class SilentServer {
 public:
  explicit SilentServer(int pings_answered) : pings_answered_(pings_answered) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, generic, size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, generic, &size), 0);
    url = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::jthread([this] { serve(connection_ = accept(listener_, nullptr, nullptr)); });
  }
  ~SilentServer() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) end();
    close(listener_);
  }

  std::string url;
  int pings = 0;  // that came; to be read when the connection is over

  void end() {
    shutdown(connection_, SHUT_RDWR);
    thread_.join();
  }

 private:
  enum Type : char { settings = 4, ping = 6 };

  static bool read(int connection, std::size_t size, std::string& out) {
    out.resize(size);
    return size == 0 || recv(connection, out.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size);
  }
  static void write(int connection, Type type, bool acknowledges, const std::string& payload) {
    std::string frame(9, '\0');
    frame[2] = static_cast<char>(payload.size());
    frame[3] = type;
    frame[4] = acknowledges ? 1 : 0;
    frame += payload;
    (void)send(connection, frame.data(), frame.size(), MSG_NOSIGNAL);
  }

  void serve(int connection) {
    std::string head;
    std::string payload;
    read(connection, 24, head);  // the preface
    write(connection, settings, false, "");
    while (read(connection, 9, head)) {
      const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(head[at])); };
      if (!read(connection, byte(0) << 16 | byte(1) << 8 | byte(2), payload)) break;
      if (head[4] != 0) continue;
      if (head[3] == settings) write(connection, settings, true, "");
      if (head[3] == ping && ++pings <= pings_answered_) write(connection, ping, true, payload);
    }
    close(connection);
  }

  const int pings_answered_;
  const int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  std::atomic<int> connection_ = -1;
  std::jthread thread_;
};

TEST(Channel, ACallThatOnlyWaitsEndsWhenItsServerSaysNothingAnyMore) {
  constexpr int answered = 3;  // one more than grpc++ sends by itself to a server that has sent nothing
  SilentServer server(answered);
  auto channel = open_channel(server.url, default_timeout, std::chrono::seconds(2));
  ASSERT_TRUE(channel);
  ::grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + default_timeout);  // so that a failing test ends
  auto call = v1::Subscriptions::NewStub(channel->grpc)->Subscribe(&context, {});
  v1::SubscribeResponse response;
  EXPECT_FALSE(call->Read(&response));
  const auto status = call->Finish();
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::UNAVAILABLE) << status.error_message();
  call.reset();
  channel->grpc.reset();
  server.end();
  EXPECT_EQ(server.pings, answered + 1);
}

}  // namespace
}  // namespace thalo::client
