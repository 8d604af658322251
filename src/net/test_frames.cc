#include "net/test_frames.h"

#include <new>

namespace thalo::net::testing {

namespace {

constexpr std::size_t frame_header_bytes = 9;

std::string find(const HeaderList& list, std::string_view name) {
  for (const auto& [header, value] : list) {
    if (header == name) return value;
  }
  return {};
}

std::uint32_t read_32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::uint8_t* bytes_of(const std::string& text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

std::string Frame::header(std::string_view name) const { return find(headers, name); }
std::string Outcome::initial_header(std::string_view name) const { return find(initial, name); }
std::string Outcome::trailer(std::string_view name) const { return find(trailers, name); }

std::string big_endian_32(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

std::string raw_frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream_id, std::string_view payload) {
  std::string frame = big_endian_32(static_cast<std::uint32_t>(payload.size())).substr(1);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  frame += big_endian_32(static_cast<std::uint32_t>(stream_id));
  return frame.append(payload);
}

std::string grpc_message(std::string_view bytes, bool compressed) {
  std::string message(1, compressed ? 1 : 0);
  message += big_endian_32(static_cast<std::uint32_t>(bytes.size()));
  return message.append(bytes);
}

ClientFrames::ClientFrames() {
  if (nghttp2_hd_deflate_new(&deflater_, 4096) != 0) throw std::bad_alloc();
}
ClientFrames::~ClientFrames() { nghttp2_hd_deflate_del(deflater_); }

std::string ClientFrames::preface() { return std::string(NGHTTP2_CLIENT_MAGIC) + settings({}); }

std::string ClientFrames::settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries) {
  std::string payload;
  for (const auto& [id, value] : entries) {
    payload += static_cast<char>(id >> 8);
    payload += static_cast<char>(id);
    payload += big_endian_32(value);
  }
  return raw_frame(NGHTTP2_SETTINGS, 0, 0, payload);
}

std::string ClientFrames::data(std::int32_t stream_id, std::string_view bytes, bool ends) {
  constexpr std::size_t frame_bytes_max = 16384;
  std::string frames;
  do {
    const std::string_view part = bytes.substr(0, frame_bytes_max);
    bytes.remove_prefix(part.size());
    frames += raw_frame(NGHTTP2_DATA, ends && bytes.empty() ? NGHTTP2_FLAG_END_STREAM : 0, stream_id, part);
  } while (!bytes.empty());
  return frames;
}

std::string ClientFrames::reset(std::int32_t stream_id, std::uint32_t error_code) {
  return raw_frame(NGHTTP2_RST_STREAM, 0, stream_id, big_endian_32(error_code));
}

std::string ClientFrames::ping(std::string_view eight_bytes, bool acknowledges) {
  return raw_frame(NGHTTP2_PING, acknowledges ? NGHTTP2_FLAG_ACK : 0, 0, eight_bytes);
}

std::string ClientFrames::window_update(std::int32_t stream_id, std::uint32_t bytes) {
  return raw_frame(NGHTTP2_WINDOW_UPDATE, 0, stream_id, big_endian_32(bytes));
}

std::string ClientFrames::header_block(const HeaderList& list) {
  std::vector<nghttp2_nv> fields;
  for (const auto& [name, value] : list) {
    fields.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  std::string block(nghttp2_hd_deflate_bound(deflater_, fields.data(), fields.size()), '\0');
  const ssize_t size = nghttp2_hd_deflate_hd(deflater_, bytes_of(block), block.size(), fields.data(), fields.size());
  block.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return block;
}

std::string ClientFrames::headers(std::int32_t stream_id, const HeaderList& list, bool ends) {
  const std::uint8_t flags = NGHTTP2_FLAG_END_HEADERS | (ends ? NGHTTP2_FLAG_END_STREAM : 0);
  return raw_frame(NGHTTP2_HEADERS, flags, stream_id, header_block(list));
}

HeaderList ClientFrames::grpc_headers(std::string_view path, const HeaderList& more) {
  HeaderList list{{":method", "POST"},
                  {":scheme", "http"},
                  {":path", std::string(path)},
                  {":authority", "localhost"},
                  {"content-type", "application/grpc"},
                  {"te", "trailers"}};
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

std::string ClientFrames::unary(std::int32_t stream_id, std::string_view path, std::string_view message,
                                const HeaderList& more) {
  return headers(stream_id, grpc_headers(path, more), false) + data(stream_id, grpc_message(message), true);
}

ServerFrames::ServerFrames() {
  if (nghttp2_hd_inflate_new(&inflater_) != 0) throw std::bad_alloc();
}
ServerFrames::~ServerFrames() { nghttp2_hd_inflate_del(inflater_); }

std::optional<Frame> ServerFrames::next() {
  if (bytes_.size() < frame_header_bytes) return std::nullopt;
  const std::size_t length = read_32(bytes_) >> 8;
  if (bytes_.size() < frame_header_bytes + length) return std::nullopt;
  Frame frame;
  frame.type = static_cast<std::uint8_t>(bytes_[3]);
  frame.flags = static_cast<std::uint8_t>(bytes_[4]);
  frame.stream_id = static_cast<std::int32_t>(read_32(std::string_view(bytes_).substr(5)));
  frame.payload = bytes_.substr(frame_header_bytes, length);
  bytes_.erase(0, frame_header_bytes + length);
  if (frame.type == NGHTTP2_HEADERS) inflate(frame);
  return frame;
}

void ServerFrames::inflate(Frame& frame) {
  const std::uint8_t* in = bytes_of(frame.payload);
  std::size_t left = frame.payload.size();
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t taken = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, in, left, 1);
    if (taken < 0) return;
    in += taken;
    left -= static_cast<std::size_t>(taken);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      frame.headers.emplace_back(std::string(reinterpret_cast<const char*>(field.name), field.namelen),
                                 std::string(reinterpret_cast<const char*>(field.value), field.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
      nghttp2_hd_inflate_end_headers(inflater_);
      return;
    }
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) return;
  }
}

Outcome outcome_of(const std::vector<Frame>& frames, std::int32_t stream_id) {
  Outcome outcome;
  std::string body;
  for (const Frame& frame : frames) {
    if (frame.stream_id != stream_id) continue;
    if (frame.type == NGHTTP2_HEADERS) {
      if (outcome.initial.empty()) outcome.initial = frame.headers;
      if (frame.ends_stream()) outcome.trailers = frame.headers;
    } else if (frame.type == NGHTTP2_DATA) {
      body += frame.payload;
    } else if (frame.type == NGHTTP2_RST_STREAM) {
      outcome.reset = read_32(frame.payload);
    }
    outcome.ended =
        outcome.ended || ((frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_DATA) && frame.ends_stream());
  }
  while (body.size() >= 5) {
    const std::size_t size = read_32(std::string_view(body).substr(1));
    if (body.size() < 5 + size) break;
    outcome.compressed.push_back(body[0] == 1);
    outcome.messages.push_back(body.substr(5, size));
    body.erase(0, 5 + size);
  }
  if (!body.empty()) outcome.messages.push_back(body);  // what is no message, such as the text of an HTTP error
  return outcome;
}

}  // namespace thalo::net::testing
