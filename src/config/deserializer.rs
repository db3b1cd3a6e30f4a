//! Hands a tree of nodes to serde, so that every fault knows its node.

use std::collections::HashSet;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::config::document::{Entry, Integer, Node, Value};
use crate::config::fault::Fault;

/// What jiff says that it expects.
const MOMENT: &str = "a timestamp string";

/// A node to decode, and the numbers of the nodes that are left out.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'a> {
    pub(super) node: &'a Node,
    pub(super) lost: &'a HashSet<usize>,
}

impl<'a> Decoder<'a> {
    fn entries(self, map: &'a [Entry]) -> Entries<'a> {
        Entries { map: self.node, rest: map, value: None, lost: self.lost }
    }

    fn elements(self, list: &'a [Node]) -> Elements<'a> {
        Elements { rest: list, next: 0, lost: self.lost }
    }

    /// A scalar as the text that stands for it, for words such as the version in `http: 1.1`.
    fn word(self) -> Option<String> {
        match &self.node.value {
            Value::Bool(yes) => Some(yes.to_string()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(yes) => visitor.visit_bool(*yes),
            Value::Integer(Integer::Unsigned(number)) => visitor.visit_u64(*number),
            Value::Integer(Integer::Negative(number)) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => {
                let moment = (&visitor as &dyn Expected).to_string() == MOMENT;
                visitor.visit_str(text).map_err(|fault: Fault| if moment { no_moment(text) } else { fault })
            }
            Value::List(list) => visitor.visit_seq(self.elements(list)),
            Value::Map(map) => {
                let mut entries = self.entries(map);
                let value = visitor.visit_map(&mut entries)?;
                entries.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => Err(Fault::custom("the key has no value: give it one, or leave the key out")),
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                visitor.visit_some(self)
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Value::Map(map) = &self.node.value {
            let mut entries = self.entries(map);
            let value = visitor.visit_enum(Choice(&mut entries))?;
            entries.end()?;
            return Ok(value);
        }
        match self.word() {
            Some(word) => visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(word)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor).map_err(|fault| fault.of(name))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier
    }
}

/// Where jiff tells at which letter it stopped, a person wants to know what to write.
fn no_moment(text: &str) -> Fault {
    Fault::custom(format_args!("`{text}` is no moment: write it as `2026-11-01T02:00:00Z`"))
}

/// The elements of a list that are not left out.
struct Elements<'a> {
    rest: &'a [Node],
    next: usize,
    lost: &'a HashSet<usize>,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        while let Some((node, rest)) = self.rest.split_first() {
            let index = self.next;
            self.rest = rest;
            self.next += 1;
            if !self.lost.contains(&node.id) {
                let decoded = seed.deserialize(Decoder { node, lost: self.lost });
                return decoded.map(Some).map_err(|fault| fault.at(node).below(format!("[{index}]")));
            }
        }
        Ok(None)
    }
}

/// The entries of a map that are not left out.
struct Entries<'a> {
    map: &'a Node,
    rest: &'a [Entry],
    value: Option<&'a Entry>,
    lost: &'a HashSet<usize>,
}

impl<'a> Entries<'a> {
    fn next(&mut self) -> Option<&'a Entry> {
        while let Some((entry, rest)) = self.rest.split_first() {
            self.rest = rest;
            if !self.lost.contains(&entry.node.id) {
                return Some(entry);
            }
        }
        None
    }

    /// Says that the map has more than the one key that was taken.
    fn end(&mut self) -> Result<(), Fault> {
        match self.next() {
            None => Ok(()),
            Some(entry) => Err(Fault::custom("only one key is taken here: remove this one").at_key(self.map, entry)),
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.next() else { return Ok(None) };
        self.value = Some(entry);
        let key: StringDeserializer<Fault> = entry.key.clone().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|fault| fault.at_key(self.map, entry))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some(Entry { key, node, .. }) = self.value.take() else {
            return Err(Fault::custom("a value was asked for before its key"));
        };
        seed.deserialize(Decoder { node, lost: self.lost }).map_err(|fault| fault.at(node).below(key.clone()))
    }
}

/// A map with one key, which names a variant.
struct Choice<'e, 'a>(&'e mut Entries<'a>);

impl<'de> EnumAccess<'de> for Choice<'_, 'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Fault> {
        match self.0.next_key_seed(seed)? {
            Some(variant) => Ok((variant, self)),
            None => Err(Fault::invalid_type(Unexpected::Map, &"a map with one key")),
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Err(Fault::invalid_type(Unexpected::Map, &"unit variant"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.0.next_value_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid_type(Unexpected::TupleVariant, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid_type(Unexpected::StructVariant, &visitor))
    }
}
