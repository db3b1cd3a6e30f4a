//! What of roles and their grants is compared between two looks, and what its differences mean.

use std::collections::{BTreeMap, BTreeSet};

use storage::record::{Change, ChangeKind, Known, Operation};

use crate::changes::postgres::tell::{Span, Teller, Telling};

/// Roles and who has them, at one look.
#[derive(Debug, Default)]
pub(super) struct Rights {
    /// Names of roles by their id.
    pub(super) roles: BTreeMap<Box<str>, Box<str>>,
    /// Id of the role, id of the user.
    pub(super) grants: BTreeSet<(Box<str>, Box<str>)>,
    /// Whether these are all grants; else they are those of the prober's own users.
    pub(super) all: bool,
    /// Ids of the prober's own users.
    pub(super) own: BTreeSet<Box<str>>,
    /// How many users there are, where that was asked for.
    pub(super) users: Option<i64>,
}

/// What happened to roles, grants and users between two looks. `known` says whether the prober's users are.
pub(super) fn compare(old: &Rights, new: &Rights, known: bool, span: Span, teller: &Teller) -> Vec<Change> {
    let mut telling = Telling::new(teller, span);
    let is_own = |user: &str| old.own.contains(user) || new.own.contains(user);
    let touches = |own: bool| match (known, own) {
        (false, _) => Known::Unknown,
        (true, true) => Known::Yes,
        (true, false) => Known::No,
    };
    let grants = old.grants.iter().chain(&new.grants);
    let own_roles: BTreeSet<&str> = grants.filter(|(_, user)| is_own(user)).map(|(role, _)| &**role).collect();
    let has_own = |role: &str| touches(own_roles.contains(role));
    let name = |role: &str| {
        let name = new.roles.get(role).or_else(|| old.roles.get(role));
        teller.shown(name.map_or(role, |name| name), false)
    };

    let mut tell = |kind, object: &dyn Fn() -> String, operation, touches, summary: &dyn Fn() -> String| {
        telling.add(touches, |teller, span| {
            let change = teller.change(object(), operation, touches, span, None, summary());
            Change { kind, ..change }
        });
    };
    for (id, role) in &new.roles {
        let object = || format!("Role/{}", name(id));
        match old.roles.get(id) {
            None => tell(ChangeKind::Rbac, &object, Operation::Created, has_own(id), &|| "role made".into()),
            Some(was) if was != role => {
                let summary = || format!("role renamed, it was `{}`", teller.shown(was, false));
                tell(ChangeKind::Rbac, &object, Operation::Updated, has_own(id), &summary);
            }
            Some(_) => (),
        }
    }
    for id in old.roles.keys().filter(|id| !new.roles.contains_key(*id)) {
        let object = || format!("Role/{}", name(id));
        tell(ChangeKind::Rbac, &object, Operation::Deleted, has_own(id), &|| "role deleted".into());
    }
    for user in old.own.difference(&new.own) {
        let object = || format!("User/{}/{}", teller.schema, teller.shown(user, false));
        let summary = || "the prober's own user deleted".into();
        tell(ChangeKind::Rbac, &object, Operation::Deleted, Known::Yes, &summary);
    }

    // Where one of the looks saw the grants of the prober's own users only, the others cannot be compared.
    let partial = old.all != new.all;
    let comparable = |grant: &&(Box<str>, Box<str>)| !partial || is_own(&grant.1);
    let whose = |user: &str| if is_own(user) { "the prober's own user" } else { "a user" };
    for (role, user) in new.grants.difference(&old.grants).filter(comparable) {
        let object = || format!("Role/{}/User/{}", name(role), teller.shown(user, false));
        let summary = || format!("role given to {}", whose(user));
        let dangling =
            || format!("a role that does not exist was given to {}: it lets nobody do anything", whose(user));
        let (kind, summary): (_, &dyn Fn() -> String) =
            if new.roles.contains_key(role) { (ChangeKind::Rbac, &summary) } else { (ChangeKind::Note, &dangling) };
        tell(kind, &object, Operation::Created, touches(is_own(user)), summary);
    }
    for (role, user) in old.grants.difference(&new.grants).filter(comparable) {
        let object = || format!("Role/{}/User/{}", name(role), teller.shown(user, false));
        let summary = || format!("role taken away from {}", whose(user));
        tell(ChangeKind::Rbac, &object, Operation::Deleted, touches(is_own(user)), &summary);
    }
    let mut changes = telling.finish(&format!("Role/{}", teller.schema));
    if let Some(fewer) = old.users.zip(new.users).map(|(old, new)| old - new).filter(|fewer| *fewer > 0) {
        let object = format!("User/{}", teller.schema);
        let summary = format!("{fewer} users fewer than at the look before");
        let change = teller.change(object, Operation::Deleted, Known::Unknown, span, None, summary);
        changes.push(Change { kind: ChangeKind::Note, ..change });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::postgres::tell::fixtures::{short, span, teller};

    fn rights(roles: &[(&str, &str)], grants: &[(&str, &str)]) -> Rights {
        let roles = roles.iter().map(|(id, name)| ((*id).into(), (*name).into())).collect();
        let grants = grants.iter().map(|(role, user)| ((*role).into(), (*user).into())).collect();
        Rights { roles, grants, all: true, own: BTreeSet::from(["me".into()]), users: None }
    }

    fn touching(old: &Rights, new: &Rights, known: bool) -> Vec<(String, Known)> {
        let told = compare(old, new, known, span(100, 200), &teller());
        short(&told).into_iter().zip(told).map(|(short, change)| (short, change.touches_probe.unwrap())).collect()
    }

    #[test]
    fn a_role_that_the_prober_has_touches_it_and_another_does_not() {
        let old = rights(&[("1", "reader"), ("2", "admin")], &[("1", "me"), ("2", "you")]);
        let new = rights(&[("1", "viewer")], &[("1", "me")]);
        let expected = [
            ("Role/viewer rbac updated".to_owned(), Known::Yes),
            ("Role/admin rbac deleted".to_owned(), Known::No),
            ("Role/admin/User/you rbac deleted".to_owned(), Known::No),
        ];
        assert_eq!(touching(&old, &new, true), expected);
        assert!(touching(&old, &new, false).iter().all(|(_, touches)| *touches == Known::Unknown));
    }

    #[test]
    fn a_grant_of_a_role_that_is_not_there_is_a_note() {
        let old = rights(&[("1", "reader")], &[]);
        let new = rights(&[("1", "reader")], &[("1", "me"), ("9", "me")]);
        let expected = ["Role/reader/User/me rbac created", "Role/9/User/me note created"];
        assert_eq!(touching(&old, &new, true).into_iter().map(|(short, _)| short).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn users_that_are_gone_are_counted_and_the_prober_s_own_is_named() {
        let old = Rights { users: Some(10), ..rights(&[], &[]) };
        let new = Rights { users: Some(7), own: BTreeSet::new(), ..rights(&[], &[]) };
        let told = compare(&old, &new, true, span(100, 200), &teller());
        assert_eq!(short(&told), ["User/public/me rbac deleted", "User/public note deleted"]);
        assert!(told[1].summary.starts_with("3 users fewer"));
        assert_eq!(compare(&new, &old, true, span(100, 200), &teller()), [], "more users are no change");
    }
}
