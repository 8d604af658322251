// nghttp2's callbacks and options, the same for every session.
#pragma once

#include <nghttp2/nghttp2.h>

namespace thalo::net {

// Made once, kept for the process. A session's user data is its Session, a stream's its Call.
const nghttp2_session_callbacks* session_callbacks();
const nghttp2_option* session_options();
// Reads a call's response; `source.ptr` is the Call.
nghttp2_data_provider response_source(void* call);

}  // namespace thalo::net
