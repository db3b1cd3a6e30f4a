//! Lays a user's file over the built-in numbers, and says everything that is wrong with it.

use serde_path_to_error::{Path, Segment};
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::model::{BUILT_IN, Model};

/// Something that is wrong with a file of numbers, with its place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// What is wrong, by key, and what would be right.
    pub message: String,
}

/// Keys of shares of which the rest counts as well, so that neither may be nothing.
const OPEN_SHARES: [&str; 3] = ["background_partial", "climbs", "background_climbs"];
/// Bounds of such a share.
const OPEN_RANGE: [f64; 2] = [0.001, 0.999];
/// Numbers that are shares of something, wherever they stand.
const SHARES: [&str; 7] = ["share", "weight", "epsilon", "generic", "none_ceiling_with_gap", "unseen", "joint_from"];
/// How far shares that add up may miss 1.
const ROUNDED: f64 = 1e-6;
/// Smallest and largest number that is not a share: products of a dozen of them stay finite.
const RANGE: [f64; 2] = [1e-9, 1e9];
/// Longest list; every entry is weighed at every incident.
const LONGEST: usize = 1000;
/// Likeness from which a key is suggested.
const ALIKE: f64 = 0.6;

/// Something that is wrong, before its place is known.
#[derive(Debug)]
struct Wrong {
    path: Vec<Step>,
    message: String,
    /// Whether the key itself is wrong, and not what it is set to.
    key: bool,
}

/// One step of a path into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Reads a file that holds any subset of the built-in keys. Tables are merged, lists replace lists.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn read(text: &str) -> Result<Model, Vec<Fault>> {
    let broken = |error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        vec![fault(text, start, error.message().to_owned())]
    };
    let places = DeTable::parse(text).map_err(broken)?;
    let given: Table = toml::from_str(text).map_err(broken)?;
    let mut whole: Table = toml::from_str(BUILT_IN).map_err(broken)?;
    let mut wrong = Vec::new();
    merge(&mut whole, given, &mut Vec::new(), &mut wrong);
    let merged = Value::Table(whole);
    let model = match serde_path_to_error::deserialize::<_, Model>(merged.clone()) {
        Ok(model) => Some(model),
        Err(error) => {
            let (message, key) = reworded(error.inner().message());
            wrong.push(Wrong { path: steps(error.path()), message, key });
            None
        }
    };
    numbers(&merged, &mut Vec::new(), &mut wrong);
    match model {
        Some(model) if wrong.is_empty() => Ok(model),
        Some(_) | None => Err(placed(text, &places, wrong)),
    }
}

/// Takes the keys of `given` over, and notes those that are not known.
fn merge(whole: &mut Table, given: Table, path: &mut Vec<Step>, wrong: &mut Vec<Wrong>) {
    for (key, value) in given {
        path.push(Step::Key(key.clone()));
        let known: Vec<String> = whole.keys().cloned().collect();
        match (whole.get_mut(&key), value) {
            (None, _) => {
                let message = unknown(&key, known.iter().map(String::as_str));
                wrong.push(Wrong { path: path.clone(), message, key: true });
            }
            (Some(Value::Table(inner)), Value::Table(given)) => merge(inner, given, path, wrong),
            (Some(number @ Value::Float(_)), Value::Integer(whole)) => *number = Value::Float(whole as f64),
            (Some(old), new) => *old = new,
        }
        path.pop();
    }
}

/// Notes every number that cannot be, and shares that do not add up.
fn numbers(value: &Value, path: &mut Vec<Step>, wrong: &mut Vec<Wrong>) {
    match value {
        Value::Float(number) => number_at(*number, path, wrong),
        Value::Integer(number) => number_at(*number as f64, path, wrong),
        Value::Table(table) => {
            for (key, value) in table {
                path.push(Step::Key(key.clone()));
                numbers(value, path, wrong);
                path.pop();
            }
            if let Some(message) = mixture_fault(table, path) {
                wrong.push(Wrong { path: path.clone(), message, key: false });
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate().take(LONGEST) {
                path.push(Step::Index(index));
                numbers(value, path, wrong);
                path.pop();
            }
            if let Some(message) = list_fault(list) {
                wrong.push(Wrong { path: path.clone(), message, key: false });
            }
        }
        Value::String(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

fn number_at(number: f64, path: &[Step], wrong: &mut Vec<Wrong>) {
    let [least, most] = RANGE;
    let keys = || path.iter().filter_map(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None });
    let message = if keys().next() == Some("prior") || keys().next_back().is_some_and(|key| SHARES.contains(&key)) {
        (!(least..=1.0).contains(&number)).then(|| format!("{number} is no share above 0 and up to 1"))
    } else if keys().next() == Some("partial") || keys().next_back().is_some_and(|key| OPEN_SHARES.contains(&key)) {
        let [least, most] = OPEN_RANGE;
        (!(least..=most).contains(&number)).then(|| format!("{number} is no share from {least} to {most}"))
    } else if keys().next_back() == Some("uniform_s") {
        (!(-most..=most).contains(&number)).then(|| format!("{number} is no number of seconds up to {most:e}"))
    } else {
        (!(least..=most).contains(&number)).then(|| format!("{number} is no number above 0 and up to {most:e}"))
    };
    wrong.extend(message.map(|message| Wrong { path: path.to_vec(), message, key: false }));
}

/// What is wrong with the shares of the classes that a role of a pattern may show.
fn mixture_fault(table: &Table, path: &[Step]) -> Option<String> {
    let [Step::Key(first), .., Step::Index(_), Step::Key(_)] = path else { return None };
    let sum: f64 = table
        .values()
        .map(|share| share.as_float().or(share.as_integer().map(|whole| whole as f64)))
        .sum::<Option<f64>>()?;
    let add_up = (sum - 1.0).abs() <= ROUNDED;
    let pattern = first == "profile" || first == "background_pattern";
    (pattern && !add_up).then(|| format!("the shares of the classes together are 1, and here they are {sum:.4}"))
}

fn list_fault(list: &[Value]) -> Option<String> {
    if list.len() > LONGEST {
        return Some(format!("a list has at most {LONGEST} entries"));
    }
    let number = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    if let [Some(from), Some(until)] = list.iter().map(number).collect::<Vec<_>>()[..] {
        return (from >= until)
            .then(|| format!("a stretch of seconds begins before it ends: {from} is not below {until}"));
    }
    let share = |key: &str| -> Option<f64> { list.iter().map(|entry| number(entry.get(key)?)).sum() };
    let (key, sum) = ["share", "weight"].iter().find_map(|key| Some((key, share(key)?)))?;
    let add_up = (sum - 1.0).abs() <= ROUNDED;
    (!add_up).then(|| format!("each `{key}` of a list together is 1, and here it is {:.4}", sum))
}

/// Sets each message where its key stands in the file, or as near above it as the file goes.
fn placed(text: &str, places: &Spanned<DeTable<'_>>, wrong: Vec<Wrong>) -> Vec<Fault> {
    let place = |wrong: Wrong| {
        let Wrong { path, message, key } = wrong;
        fault(text, locate(places, &path, key), format!("{}{message}", told(&path)))
    };
    let mut faults: Vec<Fault> = wrong.into_iter().map(place).collect();
    faults.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    faults.dedup();
    faults
}

/// Where the last step of a path that is in the file stands, in bytes: its name or what it is set to.
fn locate(places: &Spanned<DeTable<'_>>, path: &[Step], name: bool) -> usize {
    let mut start = 0;
    let mut table = Some(places.get_ref());
    let mut list = None;
    for (depth, step) in path.iter().enumerate() {
        let of_name = name && depth + 1 == path.len();
        let value: Option<&Spanned<DeValue<'_>>> = match step {
            Step::Key(key) => table.and_then(|table| table.get_key_value(key.as_str())).map(|(name, value)| {
                // A table may stand in several places; its name stands where it is first spoken of.
                let is_table = value.get_ref().is_table();
                start = if of_name || is_table { name.span().start } else { value.span().start };
                value
            }),
            Step::Index(index) => list
                .and_then(|list: &toml::de::DeArray<'_>| list.get(*index))
                .inspect(|value| start = value.span().start),
        };
        let Some(value) = value else { break };
        (table, list) = (value.get_ref().as_table(), value.get_ref().as_array());
    }
    start
}

fn fault(text: &str, start: usize, message: String) -> Fault {
    let before = text.get(..start).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or(before);
    let count = |count: usize| count as u64 + 1;
    Fault { line: count(before.matches('\n').count()), column: count(line.chars().count()), message }
}

fn told(path: &[Step]) -> String {
    let mut told = String::new();
    for step in path {
        match step {
            Step::Key(key) if told.is_empty() => told.push_str(key),
            Step::Key(key) => told.push_str(&format!(".{key}")),
            Step::Index(index) => told.push_str(&format!("[{index}]")),
        }
    }
    if told.is_empty() { told } else { told + ": " }
}

fn steps(path: &Path) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(step).collect()
}

/// A message of the decoder, where it names an unknown key with the nearest one that is known, and whether it does.
fn reworded(message: &str) -> (String, bool) {
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match words.split_first() {
        Some((key, known)) if message.starts_with("unknown field `") => (unknown(key, known.iter().copied()), true),
        Some(_) | None => (message.to_owned(), false),
    }
}

fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&key.to_lowercase(), known);
    let near = known
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match near {
        Some((_, near)) => format!("unknown key, did you mean `{near}`?"),
        None => "unknown key: `authprobe config model` prints those that there are".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> Vec<String> {
        let tell = |fault: Fault| format!("{}:{}: {}", fault.line, fault.column, fault.message);
        read(text).unwrap_err().into_iter().map(tell).collect()
    }

    #[test]
    fn the_built_in_file_and_an_empty_one_are_the_built_in_numbers() {
        let built_in = format!("{:?}", Model::default());
        assert_eq!(format!("{:?}", read(BUILT_IN).unwrap()), built_in);
        assert_eq!(format!("{:?}", read("").unwrap()), built_in);
    }

    #[test]
    fn tables_are_merged_and_lists_replaced() {
        let text =
            "[prior]\nsecret = 0.3\n[background]\nrate_per_hour = 1\n[lag]\nvolume = [{ share = 1, mean_s = 60 }]\n";
        let (model, built_in) = (read(text).unwrap(), Model::default());
        assert_eq!((model.prior["secret"], model.prior["rollout"]), (0.3, built_in.prior["rollout"]));
        assert_eq!(model.background.rate_per_hour, 1.0);
        assert_eq!(model.background.gap_factor, built_in.background.gap_factor);
        assert_eq!((model.lag["volume"].len(), model.lag["rollout"].len()), (1, built_in.lag["rollout"].len()));
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        let text = "[prior]\nsecrt = 0.3\nrollout = 1.5\n[lag]\nvolume = [\n  { share = 0.5, mean_s = 60.0 },\n  \
                    { share = 0.4, uniform_s = [9.0, 3.0] },\n]\n[background]\nrate_per_hour = -1\n[quite_else]\n";
        assert_eq!(
            said(text),
            [
                "2:1: prior.secrt: unknown key, did you mean `secret`?",
                "3:11: prior.rollout: 1.5 is no share above 0 and up to 1",
                "5:10: lag.volume: each `share` of a list together is 1, and here it is 0.9000",
                "7:30: lag.volume[1].uniform_s: a stretch of seconds begins before it ends: 9 is not below 3",
                "10:17: background.rate_per_hour: -1 is no number above 0 and up to 1e9",
                "11:2: quite_else: unknown key: `authprobe config model` prints those that there are",
            ]
        );
    }

    #[test]
    fn what_is_no_toml_no_number_or_no_list_is_told() {
        assert!(said("[prior\n")[0].starts_with("1:7: "), "{:?}", said("[prior\n"));
        assert!(said("[prior]\nsecret = 'high'")[0].starts_with("2:10: prior.secret: invalid type"));
        assert!(said("[prior]\nsecret = nan")[0].contains("NaN is no share"));
        assert!(said("lag = 3")[0].starts_with("1:7: lag: invalid type"));
        let mixed = "[[background_pattern]]\nname = 'x'\nweight = 1.0\nlogin = { error = 0.5, ok = 0.4 }";
        assert_eq!(
            said(mixed)[0],
            "4:1: background_pattern[0].login: the shares of the classes together are 1, and here they are 0.9000"
        );
        let misspelt = "[lag]\nvolume = [{ shar = 1.0, mean_s = 3.0 }]";
        assert_eq!(said(misspelt)[0], "2:13: lag.volume[0].shar: unknown key, did you mean `share`?");
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "(\\[?[a-z_.]{0,8}\\]?( = [-0-9\\[\\]{}.\"a-z]{0,6})?\n){0,6}") {
            let _ = read(&text);
        }

        #[test]
        fn no_number_of_a_file_that_is_taken_is_out_of_bounds(number in any::<f64>()) {
            let taken = read(&format!("[factor]\nreverted = {number:?}\n"));
            prop_assert_eq!(taken.is_ok(), (1e-9..=1e9).contains(&number));
        }
    }
}
