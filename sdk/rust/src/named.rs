//! Commands and events on the wire are a name and a JSON payload; in Rust they are variants of an enum. Serde's own form
//! of a variant, `{"Name": payload}`, is taken apart and put together here without an intermediate value.

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::ser::{self, Impossible, Serialize, SerializeStruct, SerializeStructVariant, Serializer};
use serde::forward_to_deserialize_any;
use serde_json::Error;

/// The name of the variant and its fields as a JSON object.
pub(crate) fn to_named<T: Serialize>(value: &T) -> Result<(&'static str, String), Error> {
    match value.serialize(ToNamed)? {
        Named { name, payload, is_variant: true } => Ok((name, payload)),
        Named { name, .. } => Err(ser::Error::custom(format_args!("{name} is no variant of an enum"))),
    }
}

/// The variant `name` with the fields in `payload`. The error says which names there are, or which field is wrong.
pub(crate) fn from_named<T: DeserializeOwned>(name: &str, payload: &str) -> Result<T, Error> {
    T::deserialize(FromNamed { name, payload })
}

/// The name of a struct or variant.
pub(crate) fn name_of<T: Serialize>(value: &T) -> Option<&'static str> {
    value.serialize(ToNamed).ok().map(|named| named.name)
}

struct Named {
    name: &'static str,
    payload: String,
    is_variant: bool,
}

struct ToNamed;

/// The fields of a struct, written as they come.
struct Fields {
    name: &'static str,
    is_variant: bool,
    payload: Vec<u8>,
}

impl Fields {
    fn new(name: &'static str, is_variant: bool) -> Self {
        Fields { name, is_variant, payload: b"{".to_vec() }
    }
    fn add<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        if self.payload.len() > 1 {
            self.payload.push(b',');
        }
        serde_json::to_writer(&mut self.payload, key)?;
        self.payload.push(b':');
        serde_json::to_writer(&mut self.payload, value)
    }
    fn finish(mut self) -> Result<Named, Error> {
        self.payload.push(b'}');
        let payload = String::from_utf8(self.payload).map_err(ser::Error::custom)?;
        Ok(Named { name: self.name, payload, is_variant: self.is_variant })
    }
}

impl SerializeStruct for Fields {
    type Ok = Named;
    type Error = Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.add(key, value)
    }
    fn end(self) -> Result<Named, Error> {
        self.finish()
    }
}

impl SerializeStructVariant for Fields {
    type Ok = Named;
    type Error = Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.add(key, value)
    }
    fn end(self) -> Result<Named, Error> {
        self.finish()
    }
}

/// What a unit struct holds is nothing: an object without fields, as for every other command and event.
fn object(payload: String) -> String {
    if payload == "null" {
        "{}".to_owned()
    } else {
        payload
    }
}

fn nameless<T>() -> Result<T, Error> {
    Err(ser::Error::custom("it must be a variant of an enum that serde tags from outside (no `tag`, no `untagged`)"))
}

macro_rules! nameless_values {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, _: $type) -> Result<Named, Error> { nameless() })*
    };
}

impl Serializer for ToNamed {
    type Ok = Named;
    type Error = Error;
    type SerializeSeq = Impossible<Named, Error>;
    type SerializeTuple = Impossible<Named, Error>;
    type SerializeTupleStruct = Impossible<Named, Error>;
    type SerializeTupleVariant = Impossible<Named, Error>;
    type SerializeMap = Impossible<Named, Error>;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<Named, Error> {
        Ok(Named { name, payload: "{}".to_owned(), is_variant: true })
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<Named, Error> {
        Ok(Named { name, payload: object(serde_json::to_string(value)?), is_variant: true })
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Fields, Error> {
        Ok(Fields::new(name, true))
    }
    fn serialize_unit_struct(self, name: &'static str) -> Result<Named, Error> {
        Ok(Named { name, payload: "{}".to_owned(), is_variant: false })
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<Named, Error> {
        Ok(Named { name, payload: serde_json::to_string(value)?, is_variant: false })
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields, Error> {
        Ok(Fields::new(name, false))
    }

    nameless_values! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
    }
    fn serialize_none(self) -> Result<Named, Error> {
        nameless()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Named, Error> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Named, Error> {
        nameless()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Error> {
        nameless()
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Error> {
        nameless()
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Error> {
        nameless()
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        nameless()
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Error> {
        nameless()
    }
}

struct FromNamed<'de> {
    name: &'de str,
    payload: &'de str,
}

type Json<'de, 'b> = serde_path_to_error::Deserializer<'b, 'b, &'b mut serde_json::Deserializer<serde_json::de::StrRead<'de>>>;

impl<'de> FromNamed<'de> {
    fn is_array(&self) -> bool {
        self.payload.trim_start().starts_with('[')
    }

    /// Reads the payload as a whole; an error begins with the path of the field, e.g. `lines[2].cents: …`.
    fn read<T>(&self, body: impl FnOnce(Json<'de, '_>) -> Result<T, Error>) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_str(self.payload);
        let mut track = serde_path_to_error::Track::new();
        let value = body(serde_path_to_error::Deserializer::new(&mut json, &mut track)).map_err(|error| {
            match track.path().to_string().as_str() {
                "." => error,
                path => de::Error::custom(format_args!("{path}: {error}")),
            }
        })?;
        json.end()?;
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for FromNamed<'de> {
    type Error = Error;
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        nameless()
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> de::EnumAccess<'de> for FromNamed<'de> {
    type Error = Error;
    type Variant = Self;
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for FromNamed<'de> {
    type Error = Error;
    /// Whatever the payload has is ignored, as unknown fields are.
    fn unit_variant(self) -> Result<(), Error> {
        self.read(|json| de::IgnoredAny::deserialize(json)).map(|_| ())
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let is_empty = self.payload.trim() == "{}";
        let is_array = self.is_array();
        self.read(|json| seed.deserialize(Payload { json, is_empty, is_array }))
    }
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let is_array = self.is_array();
        self.read(|json| Payload { json, is_empty: false, is_array }.deserialize_struct("the fields", fields, visitor))
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        nameless()
    }
}

/// JSON in which an object without fields may also be a unit struct, and an array is no struct: serde would take its items for
/// the fields in their order.
struct Payload<D> {
    json: D,
    is_empty: bool,
    is_array: bool,
}

macro_rules! pass_on {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> { self.json.$method(visitor) })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Payload<D> {
    type Error = D::Error;
    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        if self.is_empty {
            de::IgnoredAny::deserialize(self.json)?;
            return visitor.visit_unit();
        }
        self.json.deserialize_unit_struct(name, visitor)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.json.deserialize_newtype_struct(name, visitor)
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.json.deserialize_tuple(len, visitor)
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.json.deserialize_tuple_struct(name, len, visitor)
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if self.is_array {
            return Err(de::Error::custom("the payload must be an object, but is an array"));
        }
        self.json.deserialize_struct(name, fields, visitor)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.json.deserialize_enum(name, variants, visitor)
    }
    pass_on! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_option deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any
    }
}
