#include "net/request_head.h"

#include <string>

#include "net/codec.h"

namespace thalo::net {

namespace {

using base::Code;

// RFC 9113 counts a header as its two texts and 32 bytes.
constexpr std::size_t header_overhead_bytes = 32;
// Beyond this many times the limit a client is not mistaken but hostile.
constexpr std::size_t hostile_factor = 8;
constexpr std::size_t quoted_bytes_max = 200;

void reject(Call& call, Code code, std::string message) {
  if (call.progress.rejection.is_ok()) call.progress.rejection = Status::error(code, std::move(message));
}

std::string quoted(std::string_view text) { return '"' + std::string(text.substr(0, quoted_bytes_max)) + '"'; }

bool is_grpc_content_type(std::string_view value) {
  constexpr std::string_view type = "application/grpc";
  if (!value.starts_with(type)) return false;
  return value.size() == type.size() || value[type.size()] == '+' || value[type.size()] == ';';
}

// One value, or several joined by commas; base64 has none.
void add_binary(Call& call, std::string_view name, std::string_view value) {
  while (true) {
    const std::size_t comma = value.find(',');
    std::string_view part = value.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    std::string bytes;
    if (!append_base64_decoded(bytes, part)) {
      return reject(call, Code::invalid_argument,
                    "the value of the header " + quoted(name) + " is not base64, which names ending in -bin require");
    }
    call.metadata.add(name, bytes);
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

void take_grpc_header(Call& call, std::string_view name, std::string_view value, TimePoint now) {
  if (name == "grpc-timeout") {
    const auto timeout = parse_timeout(value);
    if (!timeout) {
      return reject(
          call, Code::invalid_argument,
          "the header grpc-timeout is " + quoted(value) + "; it is one to eight digits and one of H M S m u n");
    }
    call.deadline = now + *timeout;
  } else if (name == "grpc-encoding") {
    call.progress.gzip_request = value == "gzip";
    if (value != "gzip" && value != "identity") {
      reject(
          call, Code::unimplemented,
          "the compression " + quoted(value) + " of the header grpc-encoding is not known here; gzip and identity are");
    }
  } else if (name == "grpc-accept-encoding") {
    call.accepts_gzip = call.accepts_gzip || value.find("gzip") != std::string_view::npos;
  } else if (name.ends_with("-bin")) {
    add_binary(call, name, value);
  } else {
    call.metadata.add(name, value);
  }
}

void take_path(Call& call, std::string_view path, const Router& router) {
  call.method = router.find(path);
  if (call.method != nullptr) return;
  const bool known_service = router.has_service_of(path);
  reject(call, Code::unimplemented,
         known_service ? "the method " + quoted(path) + " is unknown; its service has others"
                       : "the service of the method " + quoted(path) + " is unknown to this server");
}

}  // namespace

bool take_header(Call& call, std::string_view name, std::string_view value, const ServerOptions& options,
                 const Router& router, TimePoint now) {
  CallProgress& progress = call.progress;
  progress.header_list_bytes += name.size() + value.size() + header_overhead_bytes;
  if (progress.header_list_bytes > options.header_list_bytes_max) {
    return progress.header_list_bytes <= hostile_factor * options.header_list_bytes_max;
  }
  if (name.front() == ':') {
    if (name == ":path") {
      take_path(call, value, router);
    } else if (name == ":method") {
      progress.is_post = value == "POST";
    }
  } else if (name.starts_with("grpc-")) {
    take_grpc_header(call, name, value, now);
  } else if (name == "content-type") {
    progress.is_grpc = is_grpc_content_type(value);
  } else if (name == "te" || name == "content-length" || name == "accept-encoding") {
    // Of HTTP's own concern.
  } else if (name.ends_with("-bin")) {
    add_binary(call, name, value);
  } else {
    call.metadata.add(name, value);
  }
  return true;
}

void check_headers(Call& call, const ServerOptions& options) {
  CallProgress& progress = call.progress;
  if (progress.header_list_bytes > options.header_list_bytes_max) {
    progress.rejection = Status::error(Code::resource_exhausted,
                                       "the headers of the request have " + std::to_string(progress.header_list_bytes) +
                                           " bytes; the server takes at most " +
                                           std::to_string(options.header_list_bytes_max) + "; send less metadata");
    progress.rejection.do_not_retry = true;
  }
  if (call.method == nullptr) reject(call, Code::unimplemented, "the request names no method");
}

}  // namespace thalo::net
