#include "client/channel.h"

#include <utility>

#include "client/client.h"

namespace thalo::client {

using base::Code;
using base::fail;

base::Result<std::string> address_of(std::string_view url) {
  std::string_view rest = url;
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto colon = rest.rfind(':');
  const bool bad = rest.empty() || colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size() ||
                   rest.substr(colon + 1).find_first_not_of("0123456789") != std::string_view::npos ||
                   rest.find('/') != std::string_view::npos;
  if (bad)
    return fail(Code::invalid_argument,
                "url '" + std::string(url) + "' is not of the form http://host:port, e.g. http://localhost:4433");
  return std::string(rest);
}

std::unexpected<base::Error> Channel::failed(const ::grpc::Status& status) const {
  const int code = status.error_code();
  std::string message = status.error_message();
  // grpc++ words a refused connection in its own terms; what the server says itself is passed on as it is.
  if (code == ::grpc::StatusCode::UNAVAILABLE && message.find("failed to connect") != std::string::npos) {
    message = "cannot reach " + url + "; is thalo-runtime running there? (" + message + ")";
  }
  return fail(code >= 1 && code <= 15 ? static_cast<Code>(code) : Code::unknown, std::move(message));
}

base::Result<Channel> open_channel(std::string_view url) {
  auto address = address_of(url);
  if (!address) return std::unexpected(address.error());
  ::grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // A server that was away is found again soon: grpc++ would wait for up to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
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
