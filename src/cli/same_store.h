// Going on where something was left off makes sense only with the store it was left off at.
#pragma once

#include "base/result.h"
#include "client/client.h"

namespace thalo::cli {

// That the store has this event, `line` being its JSON (event_text.h). FAILED_PRECONDITION: it has another one there or
// none: it is another store, or this one as it was before.
base::Result<> check_same_store(client::Client& client, model::GlobalPosition position, std::string_view line);

}  // namespace thalo::cli
