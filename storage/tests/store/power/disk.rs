//! A disk as it may be found after a power cut: what was synced is there, of the rest anything may be.

use std::collections::BTreeMap;

use crate::dice::Dice;
use crate::recorder::event::Event;

/// A disk writes so many bytes, at a multiple of as many, wholly or not at all.
const SECTOR: usize = 512;

/// Files by name, with their contents.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The files of one directory, and what of them is certain.
pub(crate) struct Disk {
    files: Vec<File>,
    /// Names as the running system sees them, with the positions of their files.
    names: BTreeMap<String, usize>,
    /// Names that a power cut leaves as they are.
    certain_names: BTreeMap<String, usize>,
    /// What happened to names since the directory was synced.
    namings: Vec<Naming>,
    /// False: syncs do nothing. For the proof that the syncs matter.
    syncs: bool,
}

#[derive(Default)]
struct File {
    certain: Vec<u8>,
    /// What happened since the last sync.
    edits: Vec<Edit>,
}

enum Edit {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate(usize),
}

enum Naming {
    Link(String, usize),
    Unlink(String),
}

/// How much of what is uncertain a power cut leaves.
enum Left {
    Nothing,
    Everything,
    /// What came first, up to a sector in the midst of a write.
    Beginning,
    /// Each piece with that many chances in ten, in any order.
    Pieces(u64),
}

impl Disk {
    /// A disk on which `found` was long ago.
    pub(crate) fn new(found: Files, syncs: bool) -> Self {
        let names: BTreeMap<String, usize> = found.keys().cloned().zip(0..).collect();
        let files = found.into_values().map(|certain| File { certain, edits: Vec::new() }).collect();
        Self { files, certain_names: names.clone(), names, namings: Vec::new(), syncs }
    }

    /// Does what the process did. `dice` decide what a failed sync has left. The `-shm` files are left out, for they
    /// hold nothing that must survive.
    pub(crate) fn apply(&mut self, event: Event, dice: &mut Dice) {
        if event.file().is_none_or(|name| name.ends_with("-shm")) {
            return;
        }
        match event {
            Event::Said(_) => {}
            Event::Create(name) => {
                self.files.push(File::default());
                self.name(Naming::Link(name, self.files.len() - 1));
            }
            Event::Write { name, offset, bytes } => self.edit(&name, Edit::Write { offset, bytes }),
            Event::Truncate { name, length } => self.edit(&name, Edit::Truncate(length)),
            Event::Sync(_) | Event::Lost(_) if !self.syncs => {}
            Event::Sync(name) if name == "." => {
                self.namings.clear();
                self.certain_names = self.names.clone();
            }
            Event::Sync(name) => {
                let file = &mut self.files[self.names[&name]];
                file.certain = file.after(&Left::Everything, dice);
                file.edits.clear();
            }
            Event::Lost(name) => {
                let file = &mut self.files[self.names[&name]];
                file.certain = file.after(&left(dice), dice);
                file.edits.clear();
            }
            Event::Unlink(name) => self.name(Naming::Unlink(name)),
            Event::Rename(old, new) => {
                let file = self.names[&old];
                self.name(Naming::Unlink(old));
                self.name(Naming::Link(new, file));
            }
        }
    }

    /// One of the many states in which a power cut may leave the disk now.
    pub(crate) fn cut(&self, dice: &mut Dice) -> Files {
        let mut names = self.certain_names.clone();
        let left_of_names = left(dice);
        let beginning = dice.below(self.namings.len() as u64 + 1);
        for (position, naming) in self.namings.iter().enumerate() {
            let kept = match left_of_names {
                Left::Nothing => false,
                Left::Everything => true,
                Left::Beginning => (position as u64) < beginning,
                Left::Pieces(chances) => dice.below(10) < chances,
            };
            if kept {
                rename(&mut names, naming);
            }
        }
        names.into_iter().map(|(name, file)| (name, self.files[file].after(&left(dice), dice))).collect()
    }

    /// The disk as the running system sees it.
    pub(crate) fn whole(&self) -> Files {
        let after = |file: &usize| self.files[*file].after(&Left::Everything, &mut Dice::new(0));
        self.names.iter().map(|(name, file)| (name.clone(), after(file))).collect()
    }

    fn edit(&mut self, name: &str, edit: Edit) {
        self.files[self.names[name]].edits.push(edit);
    }

    fn name(&mut self, naming: Naming) {
        rename(&mut self.names, &naming);
        self.namings.push(naming);
    }
}

impl File {
    /// The content when so much of the edits is left.
    fn after(&self, left: &Left, dice: &mut Dice) -> Vec<u8> {
        let mut content = self.certain.clone();
        match left {
            Left::Nothing => {}
            Left::Everything => self.edits.iter().for_each(|edit| edit.apply(&mut content, |_| true)),
            Left::Beginning if self.edits.is_empty() => {}
            Left::Beginning => {
                let last = dice.below(self.edits.len() as u64) as usize;
                self.edits[..last].iter().for_each(|edit| edit.apply(&mut content, |_| true));
                let sectors = dice.below(9) as usize;
                self.edits[last].apply(&mut content, |sector| sector < sectors);
            }
            Left::Pieces(chances) => {
                self.edits.iter().for_each(|edit| edit.apply(&mut content, |_| dice.below(10) < *chances));
                // The length may be on the disk without the bytes, over whatever lay there before.
                let longest = self.edits.iter().map(Edit::end).max().unwrap_or(0);
                let filling = if dice.once_in(2) { 0 } else { 0xA5 };
                if longest > content.len() && dice.once_in(2) {
                    content.resize(longest, filling);
                }
            }
        }
        content
    }
}

impl Edit {
    /// Does those sectors of the edit that `kept` lets through, counted from the first one that it touches.
    fn apply(&self, content: &mut Vec<u8>, mut kept: impl FnMut(usize) -> bool) {
        match self {
            Self::Truncate(length) => {
                if kept(0) {
                    content.resize(*length, 0);
                }
            }
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                for sector in offset / SECTOR..end.div_ceil(SECTOR) {
                    let (from, until) = ((sector * SECTOR).max(*offset), ((sector + 1) * SECTOR).min(end));
                    if kept(sector - offset / SECTOR) {
                        content.resize(content.len().max(until), 0);
                        content[from..until].copy_from_slice(&bytes[from - offset..until - offset]);
                    }
                }
            }
        }
    }

    /// The length that a file has after it, at least.
    fn end(&self) -> usize {
        match self {
            Self::Truncate(length) => *length,
            Self::Write { offset, bytes } => offset + bytes.len(),
        }
    }
}

fn rename(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Link(name, file) => {
            names.insert(name.clone(), *file);
        }
        Naming::Unlink(name) => {
            names.remove(name);
        }
    }
}

fn left(dice: &mut Dice) -> Left {
    match dice.below(8) {
        0 => Left::Nothing,
        1 => Left::Everything,
        2 | 3 => Left::Beginning,
        4 | 5 => Left::Pieces(5),
        6 => Left::Pieces(1),
        _ => Left::Pieces(9),
    }
}
