#include "net/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <new>

namespace thalo::net {

namespace {

constexpr int window_bits = 15;
constexpr int gzip_format = 16;
constexpr int memory_level = 8;

class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream, window_bits + gzip_format) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream stream{};
};

Bytef* bytes_of(std::string_view text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text.data())); }

}  // namespace

void append_gzip(std::string& out, std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits + gzip_format, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  const std::size_t start = out.size();
  out.resize(start + deflateBound(&stream, bytes.size()));
  stream.next_in = bytes_of(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = bytes_of(out) + start;
  stream.avail_out = static_cast<uInt>(out.size() - start);
  deflate(&stream, Z_FINISH);
  out.resize(start + stream.total_out);
  deflateEnd(&stream);
}

base::Result<> gunzip(std::string& out, std::string_view bytes, std::size_t size_bytes_max) {
  out.clear();
  Inflater inflater;
  z_stream& stream = inflater.stream;
  stream.next_in = bytes_of(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  int state = Z_OK;
  while (state == Z_OK) {
    const std::size_t filled = out.size();
    if (filled > size_bytes_max) {
      return base::fail_for_good(base::Code::resource_exhausted, "the message has more than " +
                                                                     std::to_string(size_bytes_max) +
                                                                     " bytes once decompressed; send smaller messages");
    }
    // One byte of room beyond the limit tells a message that is just as large from one that is larger.
    const std::size_t room = std::min(std::max(bytes.size() * 2, filled + 1024), size_bytes_max + 1 - filled);
    out.resize(filled + room);
    stream.next_out = bytes_of(out) + filled;
    stream.avail_out = static_cast<uInt>(room);
    state = inflate(&stream, Z_NO_FLUSH);
    out.resize(filled + room - stream.avail_out);
    if (state == Z_OK && stream.avail_in == 0 && stream.avail_out > 0) break;
  }
  if (out.size() > size_bytes_max) {
    return base::fail_for_good(base::Code::resource_exhausted, "the message has more than " +
                                                                   std::to_string(size_bytes_max) +
                                                                   " bytes once decompressed; send smaller messages");
  }
  if (state != Z_STREAM_END || stream.avail_in != 0) {
    return base::fail(base::Code::invalid_argument, "the message is marked as gzip but is not one whole gzip stream");
  }
  return {};
}

}  // namespace thalo::net
