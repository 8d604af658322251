#include "net/response_headers.h"

#include <algorithm>

#include "net/codec.h"

namespace thalo::net {

namespace {

// A client takes 8 KiB of trailers at least; a status that is larger would be lost as a whole.
constexpr std::size_t status_message_bytes_max = 4 << 10;
constexpr std::size_t status_details_bytes_max = 4 << 10;

constexpr std::string_view encodings = "identity,gzip";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_sendable_name(std::string_view name) {
  if (name.empty() || !std::ranges::all_of(name, is_name_character)) return false;
  // What the protocol says itself is not for handlers; and HTTP/2 forbids the headers of a connection.
  constexpr std::string_view reserved[] = {
      "content-type",      "te",      "content-length",  "connection", "keep-alive",
      "transfer-encoding", "upgrade", "proxy-connection"};
  return !name.starts_with("grpc-") && std::ranges::find(reserved, name) == std::end(reserved);
}

bool is_sendable_value(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; });
}

std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

void ResponseHeaders::clear() {
  fields_.clear();
  texts_.clear();
}

void ResponseHeaders::add(std::string_view name, std::string_view value, bool lives_forever) {
  const std::uint8_t flags = lives_forever ? NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE : 0;
  fields_.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(), flags});
}

void ResponseHeaders::add_status(const Status& status) {
  if (status.is_ok()) {
    add("grpc-status", "0", true);
  } else {
    std::string& code = new_text();
    code = std::to_string(status.code);
    add("grpc-status", code, false);
    if (status.code == static_cast<std::uint32_t>(base::Code::unimplemented)) {
      add("grpc-accept-encoding", encodings, true);
    }
  }
  if (!status.message.empty()) {
    std::string& message = new_text();
    append_percent_encoded(message, status.message, status_message_bytes_max);
    add("grpc-message", message, false);
  }
  if (status.do_not_retry) add("grpc-retry-pushback-ms", "-1", true);
  if (!status.details.empty() && status.details.size() <= status_details_bytes_max) {
    std::string& details = new_text();
    append_base64(details, status.details);
    add("grpc-status-details-bin", details, false);
  }
}

void ResponseHeaders::add_metadata(const Metadata& metadata) {
  for (std::size_t index = 0; index < metadata.size(); ++index) {
    const Metadata::Entry entry = metadata[index];
    if (!is_sendable_name(entry.name)) continue;
    if (entry.name.ends_with("-bin")) {
      std::string& encoded = new_text();
      append_base64(encoded, entry.value);
      add(entry.name, encoded, false);
    } else if (is_sendable_value(entry.value)) {
      add(entry.name, entry.value, false);
    }
  }
}

void ResponseHeaders::build_initial(const Metadata& metadata, bool gzip) {
  clear();
  add(":status", "200", true);
  add("content-type", "application/grpc", true);
  if (gzip) add("grpc-encoding", "gzip", true);
  add_metadata(metadata);
}

void ResponseHeaders::build_trailers(const Status& status, const Metadata& metadata) {
  clear();
  add_status(status);
  add_metadata(metadata);
}

void ResponseHeaders::build_trailers_only(const Status& status, const Metadata& metadata) {
  clear();
  add(":status", "200", true);
  add("content-type", "application/grpc", true);
  add_status(status);
  add_metadata(metadata);
}

void ResponseHeaders::build_http(std::string_view status_code, std::string_view content_type) {
  clear();
  add(":status", status_code, false);
  add("content-type", content_type, false);
}

}  // namespace thalo::net
