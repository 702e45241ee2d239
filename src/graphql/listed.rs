//! Lists of variables that stay JSON until they are read as what they are.
//!
//! A publish may add thousands of files. As a tree of values, of which the executor makes a copy for each level of input objects, they
//! cost more than all that is done with them. A list that is surely of its type is read at once instead; any other becomes a tree after
//! all, and is validated, which says what is wrong with it.

use std::any::Any;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, InputType, InputValueError, InputValueResult, Name, Result, ServerError, Value, Variables,
};
use bytes::Bytes;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::{Code, Error as GraphqlError};

/// How long a list must be to stay JSON, in bytes.
const LONG: usize = 8 << 10;

/// Reads variables. Long lists stay JSON where they are variables, or fields of one.
pub fn variables<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Variables, D::Error> {
    let given = Option::<BTreeMap<Name, &RawValue>>::deserialize(deserializer)?;
    let mut variables = Variables::default();
    for (name, json) in given.unwrap_or_default() {
        variables.insert(name, object(json).map_err(D::Error::custom)?);
    }
    Ok(variables)
}

/// A value, of whose fields long lists stay JSON.
fn object(json: &RawValue) -> serde_json::Result<Value> {
    if json.get().len() < LONG || !json.get().starts_with('{') {
        return list(json);
    }
    let fields: IndexMap<Name, &RawValue> = serde_json::from_str(json.get())?;
    let fields = fields.into_iter().map(|(name, json)| Ok((name, list(json)?)));
    fields.collect::<serde_json::Result<_>>().map(Value::Object)
}

/// A value, which stays JSON if it is a long list. What has a NUL character is looked at before it is known what it is.
fn list(json: &RawValue) -> serde_json::Result<Value> {
    let json = json.get();
    match json.len() >= LONG && json.starts_with('[') && !json.contains("\\u0000") {
        true => Ok(Value::Binary(Bytes::copy_from_slice(json.as_bytes()))),
        false => serde_json::from_str(json),
    }
}

/// Makes trees of the lists that are JSON still.
pub fn unfold(variables: &mut Variables) -> std::result::Result<(), ServerError> {
    for (path, value) in kept(variables) {
        if let Value::Binary(json) = value {
            *value = serde_json::from_slice(json).map_err(|error| {
                let (path, error) = (path.join("."), error.to_string());
                let message = match error.starts_with("recursion limit") {
                    true => format!("the variable {path} is nested too deeply"),
                    false => format!("the variable {path} is not JSON: {error}"),
                };
                ServerError::from(GraphqlError::new(Code::BadRequest, message))
            })?;
        }
    }
    Ok(())
}

/// The lists among variables, and fields of variables, that are JSON still.
fn kept(variables: &mut Variables) -> Vec<(Vec<&str>, &mut Value)> {
    let mut kept = Vec::new();
    for (variable, value) in variables.iter_mut() {
        match value {
            Value::Binary(_) => kept.push((vec![variable.as_str()], value)),
            Value::Object(fields) => {
                let lists = fields
                    .iter_mut()
                    .filter(|(_, value)| matches!(value, Value::Binary(_)));
                kept.extend(lists.map(|(field, value)| (vec![variable.as_str(), field.as_str()], value)));
            }
            _ => {}
        }
    }
    kept
}

/// What the lists of a request were read as, until it is asked for.
#[derive(Debug, Default)]
pub struct Lists(Mutex<HashMap<usize, Box<dyn Any + Send>>>);

impl Lists {
    /// Whether all lists of variables that were JSON were read.
    pub fn have_all(&self, variables: &mut Variables) -> bool {
        kept(variables).len() == self.locked().len()
    }

    /// Reads a list, if it is one of what `reader` reads.
    pub fn read(&self, json: &Bytes, reader: Reader) -> bool {
        let items = reader(json);
        let is_read = items.is_some();
        self.locked().extend(items.map(|items| (address(json), items)));
        is_read
    }

    fn take<T: 'static>(&self, json: &Bytes) -> Option<Vec<T>> {
        let items = self.locked().remove(&address(json))?;
        items.downcast().ok().map(|items| *items)
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<usize, Box<dyn Any + Send>>> {
        // Nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes are told apart by where they lie, which copies of the variables share.
fn address(json: &Bytes) -> usize {
    json.as_ptr().addr()
}

/// Reads a list, all of which is surely of the type of its items.
pub type Reader = fn(&[u8]) -> Option<Box<dyn Any + Send>>;

/// A list in an argument, which may have come as JSON.
#[derive(Clone, Debug)]
pub enum Listed<T> {
    /// Its items.
    Items(Vec<T>),
    /// JSON that was read before.
    Json(Bytes),
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self::Items(Vec::new())
    }
}

impl<T: DeserializeOwned + Send + 'static> Listed<T> {
    /// The name of the type of its items, and what reads a list of them.
    pub fn reader() -> (Cow<'static, str>, Reader)
    where
        T: InputType,
    {
        (T::type_name(), |json| Some(Box::new(items::<T>(json).ok()?)))
    }

    /// Its items.
    pub fn into_items(self, ctx: &Context<'_>) -> Result<Vec<T>> {
        match self {
            Self::Items(items) => Ok(items),
            // Whoever comes second reads it again.
            Self::Json(json) => match ctx.data_opt::<Lists>().and_then(|lists| lists.take(&json)) {
                Some(items) => Ok(items),
                None => Ok(items(&json)?),
            },
        }
    }
}

fn items<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<Vec<T>> {
    let items: Vec<Item<T>> = serde_json::from_slice(json)?;
    Ok(items.into_iter().map(|Item(item)| item).collect())
}

/// An input object. Its fields in order are none, though they would be to serde.
struct Item<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Item<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an input object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Item<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Item)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// Reads a field as the value of GraphQL that it is.
pub fn as_value<'de, T: InputType, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    T::parse(Some(Value::deserialize(deserializer)?)).map_err(|_| D::Error::custom(T::type_name()))
}

impl<T: InputType> InputType for Listed<T> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<T> as InputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<T> as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        match value {
            Some(Value::Binary(json)) => Ok(Self::Json(json)),
            value => Vec::parse(value)
                .map(Self::Items)
                .map_err(InputValueError::propagate),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Items(items) => items.to_value(),
            Self::Json(json) => Value::Binary(json.clone()),
        }
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}
