/* What an aggregate in C may rely on, through one that answers with whatever it read. */
#include <thalo_test.h>

typedef struct {
  uint64_t count;
  uint64_t keys;
} Thing;

static void copy_fields(const thalo_message *command, thalo_answer *answer) {
  if (thalo_has(command, "u")) thalo_put_u64(answer, "u", thalo_u64(command, "u"));
  if (thalo_has(command, "i")) thalo_put_i64(answer, "i", thalo_i64(command, "i"));
  if (thalo_has(command, "d")) thalo_put_double(answer, "d", thalo_double(command, "d"));
  if (thalo_has(command, "b")) thalo_put_bool(answer, "b", thalo_bool(command, "b"));
  if (thalo_has(command, "s")) thalo_put_string(answer, "s", thalo_string(command, "s"));
  if (thalo_has(command, "j")) thalo_put_json(answer, "j", thalo_json(command, "j"));
}

static void copy_lines(const thalo_message *command, thalo_answer *answer) {
  thalo_entries lines = thalo_array(command, "lines");
  uint64_t total = 0;
  while (thalo_next(&lines)) total += thalo_u64(&lines.value, "cents");
  thalo_put_u64(answer, "total", total);
}

/* A map of objects whose only field is optional, and a number that belongs to each key. */
static void copy_places(const thalo_message *command, thalo_answer *answer) {
  static const char *const sides[] = {"left", "right", NULL};
  thalo_entries places = thalo_map(command, "places");
  thalo_begin_object(answer, "places");
  while (thalo_next(&places)) {
    const bool far = thalo_has(&places.value, "far") && thalo_bool(&places.value, "far");
    thalo_put_key(answer, places.key);
    thalo_begin_object(answer, NULL);
    thalo_put_u64(answer, "at", places.index);
    thalo_put_bool(answer, "far", far);
    if (thalo_has(&places.value, "side")) thalo_put_u64(answer, "side", thalo_one_of(&places.value, "side", sides));
    thalo_end_object(answer);
  }
  thalo_end_object(answer);
  const thalo_message home = thalo_object(command, "home");
  thalo_put_key(answer, thalo_string(&home, "name"));
  thalo_put_u64(answer, NULL, thalo_u64(&home, "cents"));
}

static void copy_items(const thalo_message *command, thalo_answer *answer) {
  thalo_entries tags = thalo_array(command, "tags"), numbers = thalo_array(command, "numbers"), rows = thalo_array(command, "rows");
  thalo_entries again = thalo_array(command, "numbers");
  thalo_begin_array(answer, "tags");
  while (thalo_next(&tags)) thalo_put_string(answer, NULL, thalo_string(&tags.value, NULL));
  thalo_end_array(answer);
  thalo_begin_array(answer, "numbers");
  while (thalo_next(&numbers)) thalo_put_i64(answer, NULL, thalo_i64(&numbers.value, NULL));
  thalo_end_array(answer);
  thalo_begin_array(answer, "rows");
  while (thalo_next(&rows)) {
    thalo_entries cells = thalo_array(&rows.value, NULL);
    thalo_begin_array(answer, NULL);
    while (thalo_next(&cells)) thalo_put_bool(answer, NULL, thalo_bool(&cells.value, NULL));
    thalo_end_array(answer);
  }
  thalo_end_array(answer);
  thalo_begin_array(answer, "objects");
  while (thalo_next(&again)) {
    thalo_begin_object(answer, NULL);
    thalo_put_i64(answer, "n", thalo_i64(&again.value, NULL));
    thalo_end_object(answer);
  }
  thalo_end_array(answer);
}

/* An object with keys from k0 on, which apply goes through. */
static void put_many(uint64_t count, bool again, thalo_answer *answer) {
  thalo_begin_object(answer, "many");
  for (uint64_t at = 0; at < count; at++) {
    char key[24];
    snprintf(key, sizeof key, "k%llu", (unsigned long long)at);
    thalo_put_u64(answer, key, at);
  }
  if (again) thalo_put_null(answer, "k3");
  thalo_end_object(answer);
}

static void handle(const void *state, const thalo_message *command, const thalo_context *context, thalo_answer *answer) {
  if (thalo_is(command, "Copy")) {
    thalo_emit(answer, "Copied");
    copy_fields(command, answer);
  } else if (thalo_is(command, "Sum")) {
    thalo_emit(answer, "Summed");
    copy_lines(command, answer);
  } else if (thalo_is(command, "Two")) {
    thalo_emit(answer, "Copied");
    thalo_emit(answer, "Copied");
    thalo_begin_object(answer, "a\"b");
    thalo_put_u64(answer, "n", context->version);
    thalo_end_object(answer);
    thalo_put_null(answer, "z");
  } else if (thalo_is(command, "Regret")) {
    thalo_emit(answer, "Copied");
    thalo_reject(answer, "No");
    thalo_put_string(answer, "id", context->id);
    thalo_emit(answer, "Copied");
    thalo_put_u64(answer, "lost", 1);
    thalo_emit(answer, "Copied");
    thalo_put_u64(answer, "lost", 2);
    thalo_reject(answer, "Never");
    thalo_put_string(answer, "id", context->id);
  } else if (thalo_is(command, "Who")) {
    const thalo_message metadata = thalo_metadata(command, context);
    thalo_emit(answer, "Copied");
    if (thalo_has(&metadata, "user")) thalo_put_string(answer, "user", thalo_string(&metadata, "user"));
  } else if (thalo_is(command, "Divide")) {
    const uint64_t by = thalo_u64(command, "by");
    if (thalo_failed(command)) return;
    thalo_emit(answer, "Copied");
    thalo_put_u64(answer, "each", 100 / by);
  } else if (thalo_is(command, "Need")) {
    thalo_put_u64(answer, "orphan", thalo_u64(command, "u"));
  } else if (thalo_is(command, "Change")) {
    ((Thing *)state)->count++;
  } else if (thalo_is(command, "Tags")) {
    thalo_emit(answer, "Copied");
    copy_items(command, answer);
  } else if (thalo_is(command, "Many")) {
    thalo_emit(answer, "Copied");
    put_many(thalo_u64(command, "count"), thalo_has(command, "again"), answer);
  } else if (thalo_is(command, "Places")) {
    thalo_emit(answer, "Copied");
    copy_places(command, answer);
  } else if (thalo_is(command, "PutKeyOnly")) {
    thalo_emit(answer, "Copied");
    thalo_put_key(answer, thalo_c_string("a"));
  } else if (thalo_is(command, "PutKeys")) {
    thalo_emit(answer, "Copied");
    thalo_put_key(answer, thalo_c_string("a"));
    thalo_put_key(answer, thalo_c_string("b"));
    thalo_put_null(answer, NULL);
  } else if (thalo_is(command, "PutKeyAndField")) {
    thalo_emit(answer, "Copied");
    thalo_put_key(answer, thalo_c_string("a"));
    thalo_put_u64(answer, "b", 1);
  } else if (thalo_is(command, "PutTwice")) {
    thalo_emit(answer, "Copied");
    thalo_put_u64(answer, "a", 1);
    thalo_put_u64(answer, "b", 1);
    thalo_put_bool(answer, "a", true);
  } else if (thalo_is(command, "PutNamedItem")) {
    thalo_emit(answer, "Copied");
    thalo_begin_array(answer, "items");
    thalo_put_u64(answer, "a", 1);
    thalo_end_array(answer);
  } else if (thalo_is(command, "PutNamelessField")) {
    thalo_emit(answer, "Copied");
    thalo_put_u64(answer, NULL, 1);
  } else if (thalo_is(command, "PutTooDeep")) {
    const uint64_t depth = thalo_u64(command, "depth");
    thalo_emit(answer, "Copied");
    thalo_begin_array(answer, "deep");
    for (uint64_t at = 1; at < depth; at++) thalo_begin_array(answer, NULL);
    for (uint64_t at = 0; at < depth; at++) thalo_end_array(answer);
  } else if (thalo_is(command, "EndOther")) {
    thalo_emit(answer, "Copied");
    thalo_begin_array(answer, "items");
    thalo_end_object(answer);
    thalo_end_array(answer);
  } else if (thalo_is(command, "Broken")) {
    const thalo_text broken = {"\xff", 1};
    const uint64_t where = thalo_u64(command, "where");
    thalo_emit(answer, "Copied");
    if (where == 0) thalo_put_string(answer, "s", broken);
    if (where == 4) thalo_put_json(answer, "raw", thalo_c_string("{\"a\":[1,{\"b\":\"]\"}]}"));
    thalo_begin_array(answer, "lines");
    thalo_begin_object(answer, NULL);
    thalo_put_string(answer, "sku", thalo_c_string("{[\",\"]}"));
    thalo_end_object(answer);
    thalo_begin_object(answer, NULL);
    thalo_put_u64(answer, "n", 1);
    if (where == 1) thalo_put_string(answer, "sku", broken);
    if (where == 2) thalo_put_key(answer, thalo_c_string("\"key\"")), thalo_put_json(answer, NULL, thalo_c_string("{"));
    thalo_end_object(answer);
    if (where == 3) thalo_put_double(answer, NULL, 1e300 * 1e300);
    if (where == 5) return;
    thalo_end_array(answer);
    if (where == 4) thalo_put_string(answer, "s", broken);
  }
}

static void apply(void *state, const thalo_message *event) {
  if (!thalo_is(event, "Copied") && !thalo_is(event, "Summed")) return;
  ((Thing *)state)->count++;
  if (!thalo_has(event, "many")) return;
  thalo_entries many = thalo_map(event, "many");
  while (thalo_next(&many)) ((Thing *)state)->keys++;
}

static void snapshot(const void *state, thalo_answer *out) { thalo_put_u64(out, "count", ((const Thing *)state)->count), thalo_put_u64(out, "keys", ((const Thing *)state)->keys); }
static void restore(void *state, const thalo_message *in) { ((Thing *)state)->count = thalo_u64(in, "count"), ((Thing *)state)->keys = thalo_u64(in, "keys"); }

static const thalo_aggregate thing = {
    .size = sizeof(Thing), .handle = handle, .apply = apply, .snapshot_format = "thing-1", .snapshot = snapshot, .restore = restore};

static void copies(const char *fields) {
  char event[512];
  snprintf(event, sizeof event, "Copied %s", fields);
  thalo_when("Copy", fields);
  thalo_then(event);
}

static void fields_come_back_as_they_were(void) {
  thalo_given(&thing);
  copies("{\"u\":0,\"i\":-9223372036854775808,\"b\":true,\"s\":\"\"}");
  copies("{\"u\":9007199254740993,\"i\":9223372036854775807,\"b\":false}");
  copies("{\"u\":18446744073709551615,\"d\":0.5,\"s\":\"\xc3\xbcn\xf0\x9f\x98\x80 \\\"\\\\ \\u0000\",\"j\":[1,{\"a\":null}]}");
  const char *doubles[] = {"0", "0.1", "-1.5", "0.30000000000000004", "1e+300", "4.94065645841247e-324", "1.7976931348623157e+308", "123456789.125"};
  for (size_t at = 0; at < sizeof doubles / sizeof *doubles; at++) {
    char payload[64];
    snprintf(payload, sizeof payload, "{\"d\":%s}", doubles[at]);
    copies(payload);
  }
  thalo_when("Copy", " { \"s\" : \"\\ud83d\\ude00\\u00fc\\/\\n\" , \"u\" : 2 } ");
  thalo_then("Copied {\"u\":2,\"s\":\"\xf0\x9f\x98\x80\xc3\xbc/\\u000a\"}");
}

static void what_does_not_fit_is_named(void) {
  const char *whole = "field `u` must be a whole number from 0 to 18446744073709551615, but is ";
  const char *values[] = {"18446744073709551616", "-1", "1.5", "1e3", "\"1\"", "{}", "99999999999999999999999"};
  thalo_given(&thing);
  for (size_t at = 0; at < sizeof values / sizeof *values; at++) {
    char payload[64], reason[256];
    snprintf(payload, sizeof payload, "{\"u\":%s}", values[at]);
    snprintf(reason, sizeof reason, "%s%s", whole, values[at]);
    thalo_when("Copy", payload);
    thalo_then_failed(reason);
  }
  thalo_when("Copy", "{\"i\":9223372036854775808}");
  thalo_then_failed("field `i` must be a whole number from -9223372036854775808 to 9223372036854775807, but is 9223372036854775808");
  thalo_when("Copy", "{\"d\":1e999}");
  thalo_then_failed("field `d` must be a number, but is 1e999");
  thalo_when("Copy", "{\"s\":\"\\ud83d\"}");
  thalo_then_failed("field `s` must be a string, but is \"\\ud83d\"");
  thalo_when("Need", "{\"u\":null}");
  thalo_then_failed("field `u` must be a whole number from 0 to 18446744073709551615, but is null");
  thalo_when("Need", "{}");
  thalo_then_failed("missing field `u`");
}

static void lists_are_read_with_their_paths(void) {
  thalo_given(&thing);
  thalo_when("Sum", "{\"lines\":[{\"cents\":1},{\"cents\":2}]}");
  thalo_then("Summed {\"total\":3}");
  thalo_when("Sum", "{\"lines\":[]}");
  thalo_then("Summed {\"total\":0}");
  thalo_when("Sum", "{\"lines\":{\"a\":{\"cents\":4}}}");
  thalo_then_failed("field `lines` must be an array, but is {\"a\":{\"cents\":4}}");
  thalo_when("Sum", "{\"lines\":[{\"cents\":1},{}]}");
  thalo_then_failed("missing field `lines[1].cents`");
  thalo_when("Sum", "{\"lines\":[{\"cents\":true}]}");
  thalo_then_failed("field `lines[0].cents` must be a whole number from 0 to 18446744073709551615, but is true");
  thalo_when("Sum", "{\"lines\":5}");
  thalo_then_failed("field `lines` must be an array, but is 5");
  thalo_when("Sum", "{\"lines\":[5]}");
  thalo_then_failed("field `lines[0]` must be an object, but is 5");
}

static void items_need_not_be_objects(void) {
  thalo_given(&thing);
  thalo_when("Tags", "{\"tags\":[\"a\",\"\\u00fc\"],\"numbers\":[1,-2],\"rows\":[[true],[],[false,true]]}");
  thalo_then("Copied {\"tags\":[\"a\",\"\xc3\xbc\"],\"numbers\":[1,-2],\"rows\":[[true],[],[false,true]],\"objects\":[{\"n\":1},{\"n\":-2}]}");
  thalo_when("Tags", "{\"tags\":[],\"numbers\":[],\"rows\":[]}");
  thalo_then("Copied {\"tags\":[],\"numbers\":[],\"rows\":[],\"objects\":[]}");
  thalo_when("Tags", "{\"tags\":[\"a\",1],\"numbers\":[],\"rows\":[]}");
  thalo_then_failed("field `tags[1]` must be a string, but is 1");
  thalo_when("Tags", "{\"tags\":[],\"numbers\":[{}],\"rows\":[]}");
  thalo_then_failed("field `numbers[0]` must be a whole number from -9223372036854775808 to 9223372036854775807, but is {}");
  thalo_when("Tags", "{\"tags\":[],\"numbers\":[],\"rows\":[[],[1]]}");
  thalo_then_failed("field `rows[1][0]` must be true or false, but is 1");
  thalo_when("Tags", "{\"tags\":[],\"numbers\":[],\"rows\":[[],true]}");
  thalo_then_failed("field `rows[1]` must be an array, but is true");
  thalo_when("Tags", "{\"tags\":{\"a\":\"b\"},\"numbers\":[],\"rows\":[]}");
  thalo_then_failed("field `tags` must be an array, but is {\"a\":\"b\"}");
  thalo_when("Tags", "{\"tags\":[],\"numbers\":[],\"rows\":[{}]}");
  thalo_then_failed("field `rows[0]` must be an array, but is {}");
}

static void an_object_is_no_array_and_an_array_no_object(void) {
  const char *home = "\"home\":{\"name\":\"here\",\"cents\":4}";
  const struct {
    const char *places, *failure;
  } wrong[] = {{"[]", "field `places` must be an object, but is []"},
               {"[{\"far\":true}]", "field `places` must be an object, but is [{\"far\":true}]"},
               {"{\"a\":[]}", "field `places.a` must be an object, but is []"},
               {"{\"a\":1}", "field `places.a` must be an object, but is 1"},
               {"{\"a\":{\"far\":[]}}", "field `places.a.far` must be true or false, but is []"},
               {"{\"a\":{\"side\":\"up\"}}", "field `places.a.side` must be one of \"left\", \"right\", but is \"up\""},
               {"{\"a\":{\"side\":0}}", "field `places.a.side` must be one of \"left\", \"right\", but is 0"},
               {"{\"a\":{},\"a\":{}}", "field `places.a` appears twice"}};
  thalo_given(&thing);
  for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
    char payload[256];
    snprintf(payload, sizeof payload, "{\"places\":%s,%s}", wrong[at].places, home);
    thalo_when("Places", payload);
    thalo_then_failed(wrong[at].failure);
  }
  thalo_when("Places", "{\"places\":{},\"home\":[]}");
  thalo_then_failed("field `home` must be an object, but is []");
  thalo_when("Places", "{\"places\": { \"a\" : {} , \"\\u0000\\\"\" : {\"far\":true,\"side\":\"right\"} } ,\"home\": {\"name\":\"here\",\"cents\":4}}");
  thalo_then("Copied {\"places\":{\"a\":{\"at\":0,\"far\":false},\"\\u0000\\\"\":{\"at\":1,\"far\":true,\"side\":1}},\"here\":4}");
  /* The name of a field is taken, whether it is the program's or a text. */
  thalo_when("Places", "{\"places\":{},\"home\":{\"name\":\"places\",\"cents\":4}}");
  thalo_then_failed("field `places` is put twice");
}

/* Half a letter would be no UTF-8, which the host does not take. */
static void messages_have_whole_letters(void) {
  char payload[1100], failure[300];
  thalo_given(&thing);
  for (size_t before = 0; before < 4; before++) {
    int size = snprintf(payload, sizeof payload, "{\"u\":\"%.*s", (int)before, "xxxx");
    for (int letter = 0; letter < 20; letter++) size += snprintf(payload + size, sizeof payload - (size_t)size, "\xf0\x9f\x98\x80");
    snprintf(payload + size, sizeof payload - (size_t)size, "\"}");
    thalo_when("Copy", payload);
    thalo_check_state(Thing, state != NULL && thalo_is_utf8(thalo_text_of(&thalo_tested.got)));
    size = snprintf(payload, sizeof payload, "{\"home\":{},\"places\":{\"%.*s", (int)before, "xxxx");
    for (int letter = 0; letter < 200; letter++) size += snprintf(payload + size, sizeof payload - (size_t)size, "\xf0\x9f\x98\x80");
    snprintf(payload + size, sizeof payload - (size_t)size, "\":5}}");
    thalo_when("Places", payload);
    thalo_check_state(Thing, state != NULL && thalo_is_utf8(thalo_text_of(&thalo_tested.got)));
  }
  thalo_when("Copy", "[\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"]");
  snprintf(failure, sizeof failure, "the payload must be an object, but is [\"%s", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
  thalo_then_failed(failure);
}

static void texts_compare_with_texts(void) {
  const thalo_text zero = {"gift\0", 5};
  if (!thalo_text_is(thalo_c_string("gift"), "gift") || thalo_text_is(zero, "gift") || thalo_text_is(thalo_c_string("gif"), "gift") || !thalo_text_is((thalo_text){0}, ""))
    thalo_test_fail(__FILE__, __LINE__, "thalo_text_is is wrong", (thalo_text){0});
}

static void what_appears_twice_is_refused(void) {
  thalo_given(&thing);
  thalo_when("Copy", "{\"u\":1,\"u\":2}");
  thalo_then_failed("field `u` appears twice");
  thalo_when("Copy", "{\"u\":1,\"\\u0075\":2}");
  thalo_then_failed("field `u` appears twice");
  thalo_when("Sum", "{\"lines\":[{\"cents\":1},{\"cents\":2,\"cents\":2}]}");
  thalo_then_failed("field `lines[1].cents` appears twice");
  /* As many keys as make the set of them grow, all of them others. */
  thalo_when("Many", "{\"count\":3000}");
  thalo_check_state(Thing, state->count == 1 && state->keys == 3000);
  thalo_when("Many", "{\"count\":3000,\"again\":1}");
  thalo_then_failed("field `many.k3` is put twice");
}

static void an_answer_that_would_be_unreadable_fails(void) {
  thalo_given(&thing);
  thalo_when("PutTwice", "{}");
  thalo_then_failed("field `a` is put twice");
  thalo_when("PutKeyOnly", "{}");
  thalo_then_failed("field `a` has a key (thalo_put_key) and no value");
  thalo_when("PutKeys", "{}");
  thalo_then_failed("field `b` follows a key (thalo_put_key) without a value");
  thalo_when("PutKeyAndField", "{}");
  thalo_then_failed("field `b` has its key from thalo_put_key already: put it as NULL");
  thalo_when("PutNamedItem", "{}");
  thalo_then_failed("field `items.a` is in an array, whose items have no names: put it as NULL");
  thalo_when("PutNamelessField", "{}");
  thalo_then_failed("field `` needs a name: only the items of an array have none");
  thalo_when("PutTooDeep", "{\"depth\":63}");
  thalo_check_state(Thing, state->count == 1);
  thalo_when("PutTooDeep", "{\"depth\":65}");
  char deep[256];
  int size = snprintf(deep, sizeof deep, "field `deep");
  while (size < 7 + 120) size += snprintf(deep + size, sizeof deep - (size_t)size, "[0]");
  snprintf(deep + 7 + 120, sizeof deep - 7 - 120, "\xe2\x80\xa6` is nested deeper than 64");
  thalo_then_failed(deep);
  thalo_when("EndOther", "{}");
  thalo_then_failed("field `items` is ended by thalo_end_object, which did not begin there");
}

static void what_is_no_json_is_refused(void) {
  const char *payloads[] = {"",          "{",          "{\"u\":1,}", "{\"u\":01}", "{\"u\":1}x", "{u:1}",          "{\"u\":+1}",
                            "{\"u\" 1}", "{\"u\":\"}", "{\"u\":.5}", "{\"u\":5.}", "{\"u\":tru}", "{\"s\":\"\\x\"}", "{\"s\":\"\\u12g4\"}"};
  thalo_given(&thing);
  for (size_t at = 0; at < sizeof payloads / sizeof *payloads; at++) {
    thalo_when("Copy", payloads[at]);
    thalo_then_failed("the payload is no JSON, or nested deeper than 64");
  }
  thalo_when("Copy", "[1]");
  thalo_then_failed("the payload must be an object, but is [1]");
  char deep[300];
  memset(deep, '[', sizeof deep - 1);
  deep[sizeof deep - 1] = '\0';
  thalo_when("Copy", deep);
  thalo_then_failed("the payload is no JSON, or nested deeper than 64");
}

static void answers(void) {
  thalo_given(&thing);
  thalo_event("Copied", "{}");
  thalo_when("Two", "{}");
  thalo_then("Copied {}\nCopied {\"a\\\"b\":{\"n\":1},\"z\":null}");
  thalo_check_state(Thing, state->count == 3);
  /* Refused is refused, whatever was said before or after. */
  thalo_when("Regret", "{}");
  thalo_then_rejected("{\"type\":\"No\",\"id\":\"test\"}");
  const char *wheres[] = {"field `s` is no UTF-8", "field `lines[1].sku` is no UTF-8", "field `lines[1].\\\"key\\\"` is no JSON",
                          "field `lines[2]` is a number that JSON has not", "field `s` is no UTF-8",
                          "field `lines` was begun and not ended (thalo_end_object, thalo_end_array)"};
  for (size_t at = 0; at < sizeof wheres / sizeof *wheres; at++) {
    char payload[32];
    snprintf(payload, sizeof payload, "{\"where\":%zu}", at);
    thalo_when("Broken", payload);
    thalo_then_failed(wheres[at]);
  }
  thalo_when("Need", "{\"u\":1}");
  thalo_then_failed("field `orphan` belongs to nothing: call thalo_emit or thalo_reject first");
  thalo_when("Nope", "{}");
  thalo_then_failed("unknown command; known are Copy, Sum, Two, Regret, Who, Divide, Need, Change, Tags, Many, Places, PutKeyOnly, PutKeys, PutKeyAndField, PutTwice, PutNamedItem, PutNamelessField, PutTooDeep, EndOther, Broken");
}

static void a_read_that_failed_can_be_asked_for(void) {
  thalo_given(&thing);
  thalo_when("Divide", "{}");
  thalo_then_failed("missing field `by`");
  thalo_when("Divide", "{\"by\":5}");
  thalo_then("Copied {\"each\":20}");
}

static void metadata_is_read_like_a_payload(void) {
  thalo_given(&thing);
  thalo_when("Who", "{}");
  thalo_then("Copied {}");
  thalo_with_context((thalo_context){.metadata = thalo_c_string(" {\"user\":\"ann\"}")});
  thalo_when("Who", "{}");
  thalo_then("Copied {\"user\":\"ann\"}");
  thalo_with_context((thalo_context){.metadata = thalo_c_string("{\"user\":7}")});
  thalo_when("Who", "{}");
  thalo_then_failed("field `metadata.user` must be a string, but is 7");
  thalo_with_context((thalo_context){.metadata = thalo_c_string("[]")});
  thalo_when("Who", "{}");
  thalo_then_failed("the metadata must be an object, but is []");
}

/* Without snapshots, too; and the state is as it was again. */
static void a_handler_that_changes_the_state_fails(void) {
  static thalo_aggregate plain; /* the kit keeps it */
  plain = thing;
  plain.snapshot_format = NULL;
  thalo_given(&plain);
  thalo_when("Change", "{}");
  thalo_then_failed("handle changed the state, which only apply may");
  thalo_check_state(Thing, state->count == 0);
}

static void what_is_missing_in_an_aggregate_is_named(void) {
  const char *parts[] = {" .handle,", " .apply,", "no .snapshot", "no .restore"};
  for (int part = 0; part < 4; part++) {
    thalo_aggregate broken = thing;
    if (part == 0) broken.handle = NULL;
    if (part == 1) broken.apply = NULL;
    if (part == 2) broken.snapshot = NULL;
    if (part == 3) broken.restore = NULL;
    const char *missing = thalo_missing(&broken);
    if (missing == NULL || strstr(missing, parts[part]) == NULL) thalo_test_fail(__FILE__, __LINE__, "not named:", thalo_c_string(parts[part]));
  }
  if (thalo_missing(&thing) != NULL) thalo_test_fail(__FILE__, __LINE__, "something is missing", thalo_c_string(""));
}

static int failures_of(void (*wrong)(void)) {
  fprintf(stderr, "(failures are expected here)\n");
  thalo_given(&thing);
  const int before = thalo_tested.failures;
  wrong();
  thalo_test_go_on(NULL, 0);
  const int failures = thalo_tested.failures - before;
  thalo_tested.failures = before;
  return failures;
}

static void another_event(void) { thalo_when("Copy", "{\"u\":1}"), thalo_then("Copied {\"u\":2}"); }
static void no_rejection(void) { thalo_when("Copy", "{\"u\":1}"), thalo_then_rejected("{\"type\":\"No\"}"); }
static void an_unknown_event(void) { thalo_event("Nope", "{}"); thalo_check_state(Thing, state->count == 0); }
static void a_changed_state(void) { thalo_when("Change", "{}"), thalo_then_nothing(); }
static void nothing(void) {}
static void no_when(void) { thalo_then_nothing(); }
static void no_then(void) { thalo_when("Two", "{}"), thalo_when("Copy", "{}"), thalo_then("Copied {}"); }
static void no_then_at_the_end(void) { thalo_when("Copy", "{}"), thalo_then("Copied {}"), thalo_when("Copy", "{}"); }

int main(void) {
  fields_come_back_as_they_were();
  what_does_not_fit_is_named();
  lists_are_read_with_their_paths();
  items_need_not_be_objects();
  an_object_is_no_array_and_an_array_no_object();
  messages_have_whole_letters();
  texts_compare_with_texts();
  what_appears_twice_is_refused();
  what_is_no_json_is_refused();
  answers();
  an_answer_that_would_be_unreadable_fails();
  a_read_that_failed_can_be_asked_for();
  metadata_is_read_like_a_payload();
  a_handler_that_changes_the_state_fails();
  what_is_missing_in_an_aggregate_is_named();
  /* The kit finds what is wrong. */
  void (*const wrong[])(void) = {another_event, no_rejection, an_unknown_event, a_changed_state, nothing, no_when, no_then, no_then_at_the_end};
  for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at++) {
    if (failures_of(wrong[at]) != 1) thalo_test_fail(__FILE__, __LINE__, "the test kit let something pass", thalo_c_string(""));
  }
  return thalo_end();
}
