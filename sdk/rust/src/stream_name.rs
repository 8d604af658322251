//! Stream names follow the message-db convention: `category-id`, e.g. `account-123`. A category may carry types
//! (`account:command+position`); everything after the first `-` is the id, which may be several, joined by `+`.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamNameError {
    /// There is nothing in it.
    Empty,
    /// A category has a character other than letters, digits, `_`, `.`, `:` and `+`, or does not begin with a letter or
    /// digit.
    Category,
    /// An id has a control character.
    Id,
}

impl fmt::Display for StreamNameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "the name is empty",
            Self::Category => "a category has letters, digits, '_', '.', ':' and '+', and begins with a letter or digit",
            Self::Id => "an id has no control characters",
        })
    }
}

impl std::error::Error for StreamNameError {}

fn check_category(text: &str) -> Result<(), StreamNameError> {
    let Some(first) = text.bytes().next() else { return Err(StreamNameError::Empty) };
    let legal = |c: u8| c.is_ascii_alphanumeric() || b"_.:+".contains(&c);
    if first.is_ascii_alphanumeric() && text.bytes().all(legal) {
        Ok(())
    } else {
        Err(StreamNameError::Category)
    }
}

fn check_id(text: &str) -> Result<(), StreamNameError> {
    if text.is_empty() {
        return Err(StreamNameError::Empty);
    }
    if text.chars().any(char::is_control) {
        return Err(StreamNameError::Id);
    }
    Ok(())
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub struct $name<'a>(Cow<'a, str>);

        impl<'a> $name<'a> {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
            /// The text, owned.
            pub fn into_string(self) -> String {
                self.0.into_owned()
            }
            /// The same, owning its text.
            pub fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }
            /// The same, borrowing the text.
            pub fn as_borrowed(&self) -> $name<'_> {
                $name(Cow::Borrowed(&self.0))
            }
        }
        impl fmt::Display for $name<'_> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::ops::Deref for $name<'_> {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }
        impl From<$name<'_>> for String {
            fn from(name: $name<'_>) -> String {
                name.0.into_owned()
            }
        }
        impl PartialEq<str> for $name<'_> {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }
        impl PartialEq<&str> for $name<'_> {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
        impl PartialEq<String> for $name<'_> {
            fn eq(&self, other: &String) -> bool {
                self.0 == *other
            }
        }
        impl<'de> Deserialize<'de> for $name<'_> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $name::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_type! {
    /// The name of a stream: a category, and for an entity's stream its id.
    ///
    /// ```
    /// use thalo::StreamName;
    /// let name = StreamName::new("account-123")?;
    /// assert_eq!(name.category(), "account");
    /// assert_eq!(name.id().unwrap(), "123");
    /// assert!(StreamName::new("-123").is_err());
    /// # Ok::<(), thalo::StreamNameError>(())
    /// ```
    StreamName
}

impl<'a> StreamName<'a> {
    /// Between a category and an id; the first one in the name.
    pub const ID_SEPARATOR: char = '-';

    /// Checks the text.
    pub fn new(stream_name: impl Into<Cow<'a, str>>) -> Result<Self, StreamNameError> {
        let text = stream_name.into();
        match text.split_once(Self::ID_SEPARATOR) {
            Some((category, id)) => check_category(category).and_then(|()| check_id(id))?,
            None => check_category(&text)?,
        }
        Ok(StreamName(text))
    }

    /// Of a category and, for an entity, its id.
    pub fn from_parts(category: impl Into<String>, id: Option<&str>) -> Result<Self, StreamNameError> {
        let mut text: String = category.into();
        check_category(&text)?;
        if let Some(id) = id {
            check_id(id)?;
            text.push(Self::ID_SEPARATOR);
            text.push_str(id);
        }
        Ok(StreamName(Cow::Owned(text)))
    }

    /// What stands before the first `-`.
    pub fn category(&self) -> Category<'_> {
        Category(Cow::Borrowed(self.0.split_once(Self::ID_SEPARATOR).map_or(&*self.0, |(category, _)| category)))
    }

    /// What stands behind the first `-`.
    pub fn id(&self) -> Option<ID<'_>> {
        self.0.split_once(Self::ID_SEPARATOR).map(|(_, id)| ID(Cow::Borrowed(id)))
    }

    /// Whether it names a category: it has no id.
    pub fn is_category(stream_name: &str) -> bool {
        !stream_name.contains(Self::ID_SEPARATOR)
    }
}

text_type! {
    /// What the streams of one kind of entity have in common.
    ///
    /// ```
    /// use thalo::Category;
    /// let category = Category::from_parts("account", &["command", "position"])?;
    /// assert_eq!(category, "account:command+position");
    /// assert_eq!(category.entity_name(), "account");
    /// # Ok::<(), thalo::StreamNameError>(())
    /// ```
    Category
}

impl<'a> Category<'a> {
    /// Between the entity's name and the types.
    pub const CATEGORY_TYPE_SEPARATOR: char = ':';
    /// Between two types.
    pub const COMPOUND_TYPE_SEPARATOR: char = '+';

    /// Checks the text.
    pub fn new(category: impl Into<Cow<'a, str>>) -> Result<Self, StreamNameError> {
        let text = category.into();
        check_category(&text)?;
        Ok(Category(text))
    }

    /// Of the entity's name and the types.
    pub fn from_parts(entity_name: impl Into<String>, types: &[&str]) -> Result<Self, StreamNameError> {
        let mut text: String = entity_name.into();
        for (index, one) in types.iter().enumerate() {
            text.push(if index == 0 { Self::CATEGORY_TYPE_SEPARATOR } else { Self::COMPOUND_TYPE_SEPARATOR });
            text.push_str(one);
        }
        Self::new(text)
    }

    /// Without the types.
    pub fn entity_name(&self) -> &str {
        self.0.split_once(Self::CATEGORY_TYPE_SEPARATOR).map_or(&*self.0, |(name, _)| name)
    }
}

text_type! {
    /// What tells an entity from the others of its category.
    ///
    /// ```
    /// use thalo::ID;
    /// assert_eq!(ID::new("account1+account2")?.cardinal_id(), "account1");
    /// # Ok::<(), thalo::StreamNameError>(())
    /// ```
    ID
}

impl<'a> ID<'a> {
    /// Between two ids of a compound one.
    pub const COMPOUND_ID_SEPARATOR: char = '+';

    /// Checks the text.
    pub fn new(id: impl Into<Cow<'a, str>>) -> Result<Self, StreamNameError> {
        let text = id.into();
        check_id(&text)?;
        Ok(ID(text))
    }

    /// The first of a compound id, or the one.
    pub fn cardinal_id(&self) -> &str {
        self.0.split_once(Self::COMPOUND_ID_SEPARATOR).map_or(&*self.0, |(id, _)| id)
    }
}
