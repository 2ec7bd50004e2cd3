//! Literals of Python as `print` writes them: lists and dictionaries of numbers, also of NumPy and PyTorch.

use serde_json::{Map, Value};

use super::number;

/// Lists within lists that are looked into.
const DEEPEST: usize = 16;
/// Characters of a name before a list.
const LONGEST_NAME: usize = 60;

/// What a text of literals is.
#[derive(Debug, PartialEq)]
pub(super) enum Literals {
    /// One value: an object of all lists that have a name, or the only value.
    Whole(Value),
    /// Lists of which the middle was left out when they were printed.
    Abridged,
}

/// Reads a text that is nothing but literals with lists in them, each perhaps with a name before it: `losses = [0.5, 0.4]`.
pub(super) fn read(text: &str) -> Option<Literals> {
    let mut parser = Parser { rest: text, abridged: false };
    let (mut named, mut unnamed) = (Map::new(), Vec::new());
    loop {
        parser.skip_prompt();
        if parser.rest.is_empty() {
            break;
        }
        match parser.name() {
            Some(name) => {
                let value = parser.value(0).filter(|value| value.is_array() || value.is_object())?;
                if named.insert(name, value).is_some() {
                    return None;
                }
            }
            None => unnamed.push(parser.value(0)?),
        }
    }
    if parser.abridged {
        return Some(Literals::Abridged);
    }
    match (unnamed.len(), named.is_empty()) {
        (1, true) => unnamed.pop().map(Literals::Whole),
        (0, false) => Some(Literals::Whole(Value::Object(named))),
        _ => None,
    }
}

struct Parser<'a> {
    rest: &'a str,
    abridged: bool,
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Passes over `>>> print(history)`, `In [3]: history` and `Out[3]:`.
    fn skip_prompt(&mut self) {
        self.skip_space();
        while self.rest.starts_with(">>>") || self.rest.starts_with("In [") {
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        }
        if let Some(rest) = self.rest.strip_prefix("Out[") {
            self.rest = rest.split_once("]:").map_or("", |(_, rest)| rest).trim_start();
        }
    }

    /// `losses =`, `Train loss:` or `losses` before a list.
    fn name(&mut self) -> Option<String> {
        let length = self.rest.find(['[', '{', '(', '=', ':', '\n'])?;
        let (name, rest) = self.rest.split_at(length);
        let name = name.trim();
        let is_word = |character: char| character.is_alphanumeric() || "_ ./-".contains(character);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_word) || rest.starts_with('(') {
            return None;
        }
        self.rest = rest.trim_start_matches(['=', ':', ' ']);
        Some(name.to_owned())
    }

    fn eat(&mut self, character: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_space();
        if depth > DEEPEST {
            return None;
        }
        let first = self.rest.chars().next()?;
        match first {
            '{' => self.dictionary(depth),
            '[' => self.list(']', depth),
            '(' => self.list(')', depth),
            '\'' | '"' => self.string(first).map(Value::String),
            // `<NllLossBackward0>`, `<class 'list'>`
            '<' => {
                self.rest = self.rest.split_once('>')?.1;
                Some(Value::Null)
            }
            _ => self.number().or_else(|| self.word(depth)),
        }
    }

    fn dictionary(&mut self, depth: usize) -> Option<Value> {
        self.rest = &self.rest[1..];
        let mut object = Map::new();
        while !self.eat('}') {
            let key = match self.value(depth + 1)? {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            if !self.eat(':') {
                return None;
            }
            let value = self.value(depth + 1)?;
            object.insert(key.trim_end_matches(".0").to_owned(), value);
            self.eat(',');
        }
        Some(Value::Object(object))
    }

    fn list(&mut self, end: char, depth: usize) -> Option<Value> {
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        while !self.eat(end) {
            if let Some(rest) = self.rest.strip_prefix("...") {
                (self.rest, self.abridged) = (rest, true);
            } else {
                items.push(self.value(depth + 1)?);
            }
            self.eat(',');
        }
        Some(Value::Array(items))
    }

    fn string(&mut self, quote: char) -> Option<String> {
        let (text, rest) = self.rest[1..].split_once(quote)?;
        self.rest = rest;
        (!text.contains('\n')).then(|| text.to_owned())
    }

    fn number(&mut self) -> Option<Value> {
        let (value, length) = number::prefix(self.rest)?;
        if self.rest[length..].starts_with(|next: char| next.is_alphanumeric() || next == '_') {
            return None;
        }
        let text = self.rest[..length].to_owned();
        self.rest = &self.rest[length..];
        // JSON has no number that is not finite.
        Some(serde_json::Number::from_f64(value).map_or(Value::String(text), Value::Number))
    }

    /// `None`, `True`, or a call, such as `tensor(0.5, device='cuda:0')`: its first value that is something.
    fn word(&mut self, depth: usize) -> Option<Value> {
        let (word, rest) = self.rest.split_at(word_length(self.rest));
        self.rest = rest;
        match (word, rest.starts_with('(')) {
            ("", _) => None,
            ("None", _) => Some(Value::Null),
            ("True" | "False", _) => Some(Value::Bool(word == "True")),
            (_, false) => None,
            (_, true) => {
                let mut first = Value::Null;
                self.rest = &rest[1..];
                while !self.eat(')') {
                    let keyword = self.keyword();
                    let value = if keyword && self.bare_word() { Value::Null } else { self.value(depth + 1)? };
                    if first.is_null() && !keyword {
                        first = value;
                    }
                    self.eat(',');
                }
                Some(first)
            }
        }
    }

    /// Passes over the name of an argument: `dtype=`.
    fn keyword(&mut self) -> bool {
        self.skip_space();
        let rest = self.rest[word_length(self.rest)..].strip_prefix('=');
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Passes over a word that is the value of an argument: `float32`, `torch.float16`.
    fn bare_word(&mut self) -> bool {
        let (word, rest) = self.rest.split_at(word_length(self.rest));
        let is_bare = word.starts_with(char::is_alphabetic) && rest.trim_start().starts_with([',', ')']);
        if is_bare {
            self.rest = rest;
        }
        is_bare
    }
}

/// Bytes of the word, with its points, that a text begins with.
fn word_length(text: &str) -> usize {
    text.find(|next: char| !next.is_alphanumeric() && next != '_' && next != '.').unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole(text: &str) -> Value {
        match read(text) {
            Some(Literals::Whole(value)) => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_python_prints_of_lists() {
        for text in [
            "{'loss': [2.5, 2.25], 'val_loss': [3.0, None]}",
            "{'loss': [np.float32(2.5), np.float32(2.25)], 'val_loss': [np.float64(3.0), None]}\n",
            "loss = [2.5, 2.25]\nval_loss = [3.0, None]\n",
            "loss: [2.5, 2.25,]\nval_loss: (3.0, None)",
            "loss [2.5 2.25]\nval_loss [3. None]",
            ">>> print(history.history)\n{'loss': [2.5, 2.25], 'val_loss': [3.0, None]}",
            "Out[7]: \n{'loss': [2.5,\n  2.25],\n 'val_loss': [3.0, None]}",
            "{'loss': [tensor(2.5, device='cuda:0', grad_fn=<NllLossBackward0>), 2.25], 'val_loss': [3.0, None]}",
            "{'loss': array([2.5 , 2.25], dtype=float32), 'val_loss': array([3., None], dtype=object)}",
            "defaultdict(<class 'list'>, {'loss': [2.5, 2.25], 'val_loss': [3.0, None]})",
        ] {
            assert_eq!(whole(text), json!({"loss": [2.5, 2.25], "val_loss": [3.0, null]}), "{text}");
        }
        assert_eq!(whole("[2.5, nan, -inf]"), json!([2.5, "nan", "-inf"]));
        assert_eq!(whole("{0: {'loss': 2.5}, 1: {'loss': 2.25}}"), json!({"0": {"loss": 2.5}, "1": {"loss": 2.25}}));
        assert_eq!(read("losses = [2.5 2.25 ... 0.5 0.25]"), Some(Literals::Abridged));
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "epoch 3 loss: 0.5",
            "losses = [2.5, 2.25",
            "[1, 2000] loss: 2.1",
            "{'loss': 0.5}\n{'loss': 0.4}",
            "loss = [0.5]\nTraining is over.",
            "lr: [0.1, 0.2]\nloss: 0.5\nloss: 0.4",
            "loss: [0.5]\nloss: [0.4]",
            "[12:30:01 INFO] loss: 0.5",
            "[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]",
            "f(",
            "f(a=",
            "f(a=b",
            "{",
            "<",
            "'",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
