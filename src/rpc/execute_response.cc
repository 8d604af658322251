#include "rpc/execute_response.h"

#include <cstddef>
#include <string_view>
#include <variant>

#include "rpc/event_slices.h"
#include "rpc/field_writer.h"
#include "thalo/v1/commands.pb.h"

namespace thalo::rpc {
namespace {

enum ResponseField : unsigned { response_accepted = 1, response_rejected };
enum AcceptedField : unsigned { accepted_version = 2, accepted_repeated };  // 1: the events
enum RejectedField : unsigned { rejected_error = 1 };
enum StreamField : unsigned { stream_answers = 1 };
enum AnswerField : unsigned { answer_tag = 1, answer_response };

// Room for so many more bytes; a string that is appended to again and again still grows by factors.
FieldWriter grow(std::string& out, std::size_t size) {
  const std::size_t begin = out.size();
  out.resize(begin + size);
  return FieldWriter(out.data() + begin);
}

std::size_t accepted_size(const model::Accepted& accepted) {
  std::size_t size = number_size(accepted.version) + number_size(accepted.repeated ? 1 : 0);
  for (const model::Event& event : accepted.events) {
    const std::size_t event_bytes = event_size(event.view());
    size += head_size(event_bytes) + event_bytes;
  }
  return size;
}

// Of what is in the response: Accepted or Rejected.
std::size_t content_size(const command::ExecuteOutcome& outcome) {
  if (const auto* rejection = std::get_if<model::Rejection>(&outcome)) return text_size(rejection->error);
  return accepted_size(std::get<model::Accepted>(outcome));
}

// `size` is its content_size.
void append_response(std::string& out, const model::StoreId& store, const command::ExecuteOutcome& outcome,
                     std::size_t size) {
  if (const auto* rejection = std::get_if<model::Rejection>(&outcome)) {
    FieldWriter to = grow(out, head_size(size) + size);
    to.head(response_rejected, size);
    return to.text(rejected_error, rejection->error);
  }
  const auto& accepted = std::get<model::Accepted>(outcome);
  grow(out, head_size(size)).head(response_accepted, size);
  for (const model::Event& event : accepted.events) append_event(store, event.view(), out);
  const std::uint64_t repeated = accepted.repeated ? 1 : 0;
  FieldWriter to = grow(out, number_size(accepted.version) + number_size(repeated));
  to.number(accepted_version, accepted.version);
  to.number(accepted_repeated, repeated);
}

}  // namespace

void append_execute_response(std::string& out, const model::StoreId& store, const command::ExecuteOutcome& outcome) {
  const std::size_t size = content_size(outcome);
  if (out.empty()) out.reserve(head_size(size) + size);
  append_response(out, store, outcome, size);
}

void append_stream_answer(std::string& out, std::uint64_t tag, const model::StoreId& store,
                          const base::Result<command::ExecuteOutcome>& outcome) {
  if (!outcome) {
    v1::ExecuteStreamResponse::Answer answer;
    answer.set_tag(tag);
    answer.mutable_failure()->set_code(static_cast<std::uint32_t>(outcome.error().code));
    answer.mutable_failure()->set_do_not_retry(outcome.error().permanent);
    answer.mutable_failure()->set_message(outcome.error().message);
    const std::string text = answer.SerializeAsString();
    grow(out, head_size(text.size())).head(stream_answers, text.size());
    out += text;
    return;
  }
  const std::size_t content = content_size(*outcome);
  const std::size_t response = head_size(content) + content;
  const std::size_t answer = number_size(tag) + head_size(response) + response;
  FieldWriter to = grow(out, head_size(answer) + number_size(tag) + head_size(response));
  to.head(stream_answers, answer);
  to.number(answer_tag, tag);
  to.head(answer_response, response);
  append_response(out, store, *outcome, content);
}

}  // namespace thalo::rpc
