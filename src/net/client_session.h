// A client's HTTP/2 without its socket: calls become bytes and bytes become messages. Inside client_connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/client_connection.h"
#include "net/message_reader.h"

struct nghttp2_session;
struct nghttp2_session_callbacks;
struct nghttp2_option;

namespace thalo::net {

struct ClientCallState {
  std::int32_t stream_id = 0;
  bool under_way = false;
  bool half_closed = false;  // nothing more will be sent
  bool deferred = false;     // nghttp2 waits for more to send
  std::string sending;
  std::size_t sent = 0;
  MessageReader reader;
  int http_status = 0;
  bool has_grpc_status = false;
  Status status;
  ClientCallState* next = nullptr;
  ClientCallState* previous = nullptr;
  ClientCall* call = nullptr;
};

class ClientSession {
 public:
  explicit ClientSession(std::string authority);
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  void start(ClientCall& call, std::string_view path, std::string_view message);
  void open(ClientCall& call, std::string_view path);
  void send(ClientCall& call, std::string_view message);
  void half_close(ClientCall& call);
  void cancel(ClientCall& call);
  void forget(ClientCall& call);

  base::Result<> receive(std::string_view bytes);
  // Appends what is to be sent, some more than `size_bytes_max` at most.
  base::Result<> produce(std::string& out, std::size_t size_bytes_max);
  // Ends every call.
  void lose(const base::Error& error);

  bool lost() const { return lost_; }
  bool greeted() const { return greeted_; }
  std::uint32_t calls_max() const;

 private:
  friend struct ClientCallbacks;
  void submit(ClientCallState& state, std::string_view path);
  void on_header(ClientCallState& state, std::string_view name, std::string_view value);
  void on_data(ClientCallState& state, std::string_view bytes);
  void on_closed(ClientCallState& state, std::uint32_t error_code);
  void on_not_sent(std::int32_t stream_id, bool was_cancelled);
  void end(ClientCallState& state, const Status& status);
  void unlink(ClientCallState& state);

  nghttp2_session* http2_ = nullptr;
  const std::string authority_;
  ClientCallState* calls_ = nullptr;
  bool greeted_ = false;
  bool lost_ = false;
};

}  // namespace thalo::net
