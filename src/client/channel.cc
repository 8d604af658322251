#include "client/channel.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "client/client.h"

namespace thalo::client {

using base::Code;
using base::fail;

namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && port != 0;
}

// How long one attempt to connect may take. A refused connection fails at once; this is for a server that accepts and
// is too busy to answer, or a machine that says nothing. A second more than a call, so that the call's own timeout is
// what ends it, and never without an end.
int attempt_ms(std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds longest = std::chrono::hours(1);
  return static_cast<int>(
      (std::clamp(timeout, std::chrono::milliseconds(0), longest) + std::chrono::seconds(1)).count());
}

}  // namespace

base::Result<std::string> address_of(std::string_view url) {
  std::string_view rest = url;
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto colon = rest.rfind(':');
  const bool bad = rest.empty() || colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size() ||
                   !is_port(rest.substr(colon + 1)) || rest.find('/') != std::string_view::npos;
  if (bad)
    return fail(Code::invalid_argument,
                "url '" + std::string(url) + "' is not of the form http://host:port, e.g. http://localhost:4433");
  return std::string(rest);
}

std::unexpected<base::Error> Channel::failed(const ::grpc::Status& status, const ::grpc::ClientContext& context) const {
  const int code = status.error_code();
  base::Error error{code >= 1 && code <= 15 ? static_cast<Code>(code) : Code::unknown, status.error_message()};
  // grpc++ words a refused connection in its own terms; what the server says itself is passed on as it is.
  if (error.code == Code::unavailable && error.message.find("failed to connect") != std::string::npos) {
    const bool refused = error.message.find("Connection refused") != std::string::npos;
    error.message = "cannot reach " + url + "; is thalo-runtime running there? " +
                    (refused ? "If it is just starting, wait for 'listening' in its log. (" : "(") + error.message +
                    ")";
  }
  if (error.code == Code::deadline_exceeded && error.message == "Deadline Exceeded") {
    error.message = url + " has not answered within the timeout; what was asked may still be carried out";
  }
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto pushback = trailers.find("grpc-retry-pushback-ms");
  error.permanent = pushback != trailers.end() && pushback->second == "-1";
  return std::unexpected(std::move(error));
}

base::Result<Channel> open_channel(std::string_view url, std::chrono::milliseconds timeout,
                                   std::chrono::milliseconds keepalive) {
  auto address = address_of(url);
  if (!address) return std::unexpected(address.error());
  ::grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // A server that was away is found again soon: grpc++ would wait for up to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Its name misleads: it is the time limit of an attempt.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, attempt_ms(timeout));
  // A connection that has died without a word, e.g. behind a NAT that forgot it, is noticed while a call waits, and the
  // call ends with UNAVAILABLE; grpc++ would stop asking after two pings.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(keepalive.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(keepalive.count()));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  return Channel{std::string(url),
                 ::grpc::CreateCustomChannel("dns:///" + *address, ::grpc::InsecureChannelCredentials(), arguments)};
}

Event event_from_wire(v1::Event& event) {
  return {std::move(*event.mutable_id()),
          event.global_position(),
          event.position(),
          event.time_ms(),
          std::move(*event.mutable_stream()),
          std::move(*event.mutable_type()),
          std::move(*event.mutable_data()),
          std::move(*event.mutable_metadata())};
}

}  // namespace thalo::client
