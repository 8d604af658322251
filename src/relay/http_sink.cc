// HTTP: CloudEvents 1.0 by POST, a batch or a single event per request.
//
// Requests follow one another on one connection; the next is sent when the one before has been answered with 2xx.
#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <memory>
#include <utility>

#include "env/files.h"
#include "relay/event_json.h"
#include "relay/sinks.h"
#include "relay/webhook_signature.h"

namespace thalo::relay {
namespace {

constexpr std::size_t answer_shown_bytes_max = 300;
constexpr std::size_t answer_size_bytes_max = std::size_t{1} << 20;

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

class HeaderList {
 public:
  void add(const std::string& line) { list_.reset(curl_slist_append(list_.release(), line.c_str())); }
  curl_slist* get() const { return list_.get(); }

 private:
  std::unique_ptr<curl_slist, CurlDeleter> list_;
};

// The beginning of what the server answered, on one line.
struct Answer {
  std::string text;
  std::size_t size_bytes = 0;

  static std::size_t write(char* data, std::size_t, std::size_t size, void* self) {
    auto& answer = *static_cast<Answer*>(self);
    answer.size_bytes += size;
    for (std::size_t i = 0; i < size && answer.text.size() < answer_shown_bytes_max; ++i)
      answer.text += std::isprint(static_cast<unsigned char>(data[i])) != 0 ? data[i] : ' ';
    return answer.size_bytes <= answer_size_bytes_max ? size : 0;
  }
};

int stop_when_passed(void* deadline, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Deadline*>(deadline)->passed() ? 1 : 0;
}

class HttpSink final : public Sink {
 public:
  HttpSink(SinkParts parts, std::string key, CURL* handle)
      : names_(std::move(parts.names)),
        store_id_(parts.store_id),
        url_(std::move(parts.settings.url)),
        batched_(parts.settings.batched),
        key_(std::move(key)),
        handle_(handle) {
    curl_easy_setopt(handle, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, stop_when_passed);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, Answer::write);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error_text_);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "thalo-relay");
  }

  std::size_t events_max() const override { return batched_ ? SIZE_MAX : 1; }

  Outcome deliver(std::span<const model::EventView> events, const Deadline& deadline) override {
    if (batched_) {
      body_ = "[";
      for (const model::EventView& event : events) {
        if (body_.size() > 1) body_ += ',';
        append(event);
      }
      body_ += ']';
      const std::string first = model::event_id(store_id_, events.front().global_position);
      Outcome outcome =
          post(first + "-" + std::to_string(events.size()), "application/cloudevents-batch+json", deadline);
      outcome.confirmed = outcome.failure ? 0 : events.size();
      return outcome;
    }
    for (std::size_t i = 0; i < events.size(); ++i) {
      body_.clear();
      append(events[i]);
      Outcome outcome =
          post(model::event_id(store_id_, events[i].global_position), "application/cloudevents+json", deadline);
      outcome.confirmed = i;
      if (outcome.failure) return outcome;
    }
    return {.confirmed = events.size()};
  }

 private:
  void append(const model::EventView& event) {
    names_.name_of(event, source_);
    append_cloud_event_json(body_, event, model::event_id(store_id_, event.global_position), source_);
  }

  // Sends `body_`. `id` is another one for other content: a receiver may drop what it has had.
  Outcome post(const std::string& id, const char* content_type, const Deadline& deadline) {
    HeaderList headers;
    headers.add(std::string("Content-Type: ") + content_type + "; charset=UTF-8");
    headers.add("Expect:");  // no waiting for leave to send
    if (!key_.empty()) {
      const std::time_t now = std::time(nullptr);
      headers.add("webhook-id: " + id);
      headers.add("webhook-timestamp: " + std::to_string(now));
      headers.add("webhook-signature: " + webhook_signature(key_, id, now, body_));
    }
    Answer answer;
    error_text_[0] = '\0';
    CURL* handle = handle_.get();
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body_.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &deadline);
    const CURLcode code = curl_easy_perform(handle);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, nullptr);
    return outcome_of(code, answer);
  }

  Outcome outcome_of(CURLcode code, const Answer& answer) {
    if (code == CURLE_ABORTED_BY_CALLBACK) return failed("no answer in time", std::nullopt);
    if (code != CURLE_OK) return failed(error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code), std::nullopt);
    long status = 0;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &retry_after);
    if (status >= 200 && status < 300) return {};
    std::string text = "HTTP status " + std::to_string(status);
    if (!answer.text.empty()) text += ": " + answer.text;
    if (retry_after <= 0) return failed(text, std::nullopt);
    return failed(text, std::chrono::seconds(std::min<curl_off_t>(retry_after, 86400)));
  }

  Outcome failed(const std::string& why, std::optional<std::chrono::milliseconds> retry_after) {
    return {.failure = base::Error{base::Code::unavailable, without_credentials(url_) + ": " + why},
            .retry_after = retry_after};
  }

  const NameTemplate names_;
  const model::StoreId store_id_;
  const std::string url_;
  const bool batched_;
  const std::string key_;
  char error_text_[CURL_ERROR_SIZE] = {};
  std::unique_ptr<CURL, CurlDeleter> handle_;
  std::string body_;
  std::string source_;
};

base::Result<std::string> read_key(const std::filesystem::path& file) {
  if (file.empty()) return std::string();
  auto content = env::read_file(file, 4096);
  auto key = content ? webhook_key(*content) : std::unexpected(content.error());
  if (key) return key;
  return base::fail(base::Code::invalid_argument, "secret-file: " + file.string() + ": " + key.error().message);
}

}  // namespace

base::Result<std::unique_ptr<Sink>> make_http_sink(SinkParts parts) {
  auto url = TargetUrl::parse(parts.settings.url, {"http", "https"}, 80);
  if (!url) return base::fail(base::Code::invalid_argument, "url: " + url.error().message);
  auto key = read_key(parts.settings.secret_file);
  if (!key) return std::unexpected(key.error());
  static const bool initialized = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  CURL* handle = initialized ? curl_easy_init() : nullptr;
  if (handle == nullptr) return base::fail(base::Code::internal, "libcurl cannot be started");
  return std::make_unique<HttpSink>(std::move(parts), *std::move(key), handle);
}

}  // namespace thalo::relay
