// Builds the header blocks of responses for nghttp2. Loop thread; reused from block to block.
#pragma once

#include <nghttp2/nghttp2.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "net/metadata.h"
#include "net/status.h"

namespace thalo::net {

class ResponseHeaders {
 public:
  // Each starts with nothing. What is built refers to `metadata` and `status` and lives until the next build.
  void build_initial(const Metadata& metadata, bool gzip);
  void build_trailers(const Status& status, const Metadata& metadata);
  // Headers and trailers in one block, for a response without messages.
  void build_trailers_only(const Status& status, const Metadata& metadata);
  // A plain HTTP answer.
  void build_http(std::string_view status_code, std::string_view content_type);

  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  void clear();
  void add(std::string_view name, std::string_view value, bool lives_forever);
  void add_status(const Status& status);
  void add_metadata(const Metadata& metadata);
  std::string& new_text() { return texts_.emplace_back(); }

  std::vector<nghttp2_nv> fields_;
  std::deque<std::string> texts_;  // encoded values; a deque's elements stay where they are
};

}  // namespace thalo::net
