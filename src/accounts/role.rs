//! Roles (what a person is here) and scopes (what a request may do). Reading public records needs neither.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::AccountError;

macro_rules! words {
    ($(#[$doc:meta])* $one:ident, $(#[$many_doc:meta])* $many:ident, $error:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $one { $($(#[$vdoc])* $variant,)* }

        impl $one {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its one text form.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl FromStr for $one {
            type Err = AccountError;
            fn from_str(text: &str) -> Result<Self, AccountError> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or_else(|| AccountError::$error(text.chars().take(40).collect()))
            }
        }

        $(#[$many_doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $many(BTreeSet<$one>);

        impl $many {
            /// Whether it is among them.
            pub fn contains(&self, one: $one) -> bool {
                self.0.contains(&one)
            }

            /// In order.
            pub fn iter(&self) -> impl Iterator<Item = $one> {
                self.0.iter().copied()
            }

            /// Those in both.
            pub fn both(&self, other: &Self) -> Self {
                Self(self.0.intersection(&other.0).copied().collect())
            }
        }

        impl FromIterator<$one> for $many {
            fn from_iter<I: IntoIterator<Item = $one>>(all: I) -> Self {
                Self(all.into_iter().collect())
            }
        }

        impl fmt::Display for $many {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for (n, one) in self.0.iter().enumerate() {
                    write!(f, "{}{}", if n > 0 { "," } else { "" }, one.as_str())?;
                }
                Ok(())
            }
        }

        impl FromStr for $many {
            type Err = AccountError;
            /// Comma-separated; empty text is none.
            fn from_str(text: &str) -> Result<Self, AccountError> {
                text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::parse).collect::<Result<BTreeSet<_>, _>>().map(Self)
            }
        }

        impl serde::Serialize for $many {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_seq(self.0.iter().map(|v| v.as_str()))
            }
        }
    };
}

words! {
    /// What an account is trusted with.
    Role,
    /// A set of roles.
    Roles, Role {
        /// Makes images.
        Creator = "creator",
        /// Registers works and gives or revokes licences on them.
        RightsHolder = "rights-holder",
        /// Speaks for a tradition.
        Steward = "steward",
        /// Checks; reads what others need not see.
        Auditor = "auditor",
        /// Runs the service.
        Operator = "operator",
    }
}

words! {
    /// What a request may do.
    Scope,
    /// A set of scopes.
    Scopes, Scope {
        /// Make images.
        Images = "images",
        /// Register works.
        Works = "works",
        /// Give and revoke licences.
        Grants = "grants",
        /// Open, answer and appeal disputes.
        Disputes = "disputes",
        /// Put policies in force, decide reviews.
        Policies = "policies",
        /// Make accounts, see the service's state.
        Operate = "operate",
    }
}

impl Roles {
    /// What these roles open together.
    pub fn scopes(&self) -> Scopes {
        self.iter()
            .flat_map(|role| match role {
                Role::Creator => &[Scope::Images, Scope::Disputes][..],
                Role::RightsHolder => &[Scope::Works, Scope::Grants, Scope::Disputes],
                Role::Steward => &[Scope::Policies, Scope::Disputes],
                Role::Auditor => &[Scope::Disputes],
                Role::Operator => Scope::ALL,
            })
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_round_trip() {
        let roles: Roles = "operator, creator".parse().unwrap();
        assert_eq!(roles.to_string(), "creator,operator");
        assert_eq!(roles.to_string().parse::<Roles>().unwrap(), roles);
        assert!("emperor".parse::<Roles>().is_err());
        assert_eq!("".parse::<Scopes>().unwrap(), Scopes::default());
    }

    #[test]
    fn roles_open_no_more_than_they_say() {
        let scopes = |t: &str| t.parse::<Roles>().unwrap().scopes();
        assert!(scopes("creator").contains(Scope::Images) && !scopes("creator").contains(Scope::Works));
        assert_eq!(scopes("auditor"), [Scope::Disputes].into_iter().collect());
        assert!(!scopes("rights-holder").contains(Scope::Operate));
        assert!(Scope::ALL.iter().all(|s| scopes("operator").contains(*s)));
    }
}
