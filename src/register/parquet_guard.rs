//! A first look at a Parquet footer, before the parquet crate parses it.
//!
//! Owns the two limits that the crate (60.1) lacks: it reserves memory for as many children as a schema element claims,
//! and it descends into nested groups without end. Either takes the process down in a way that cannot be caught. Knows
//! only as much of Thrift's compact protocol and of `parquet.thrift` as that takes.

/// How deep columns may be nested; real ones stay under ten.
const MAX_DEPTH: usize = 64;

/// Checks that the schema in `footer` is a tree of at most 64 levels.
///
/// # Errors
///
/// Says what is wrong with the footer.
pub(super) fn check(footer: &[u8]) -> Result<(), &'static str> {
    let mut reader = Reader { rest: footer };
    let mut field = 0;
    loop {
        match reader.field(field)? {
            None => return Ok(()),
            Some((2, kind)) => {
                expect(kind, LIST)?;
                check_tree(&reader.schema()?)?;
                field = 2;
            }
            Some((id, kind)) => {
                reader.skip(kind, MAX_DEPTH)?;
                field = id;
            }
        }
    }
}

/// The counts of children, depth first, must make one tree.
fn check_tree(children: &[i64]) -> Result<(), &'static str> {
    let mut open: Vec<i64> = Vec::new();
    for (index, &count) in children.iter().enumerate() {
        if count < 0 || count as u64 >= children.len() as u64 {
            return Err("a schema element claims more children than there are");
        }
        while open.last() == Some(&0) {
            open.pop();
        }
        match open.last_mut() {
            Some(left) => *left -= 1,
            None if index > 0 => return Err("the schema has more than one root"),
            None => {}
        }
        open.push(count);
        if open.len() > MAX_DEPTH {
            return Err("the schema is nested too deeply");
        }
    }
    match open.iter().all(|&left| left == 0) {
        true => Ok(()),
        false => Err("the schema lacks elements"),
    }
}

const I32: u8 = 5;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

fn expect(found: u8, expected: u8) -> Result<(), &'static str> {
    match found == expected {
        true => Ok(()),
        false => Err("a field of the footer has the wrong type"),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The counts of children of the schema's elements.
    fn schema(&mut self) -> Result<Vec<i64>, &'static str> {
        let (size, kind) = self.list()?;
        expect(kind, STRUCT)?;
        let mut counts = Vec::new();
        for _ in 0..size {
            let (mut count, mut last) = (0, 0);
            while let Some((id, kind)) = self.field(last)? {
                match id {
                    5 => {
                        expect(kind, I32)?;
                        let raw = self.varint()?;
                        count = (raw >> 1) as i64 ^ -((raw & 1) as i64);
                    }
                    1..=3 | 6..=9 => {
                        expect(kind, I32)?;
                        self.varint()?;
                    }
                    4 => {
                        expect(kind, BINARY)?;
                        self.skip(kind, 1)?;
                    }
                    _ => self.skip(kind, MAX_DEPTH)?,
                }
                last = id;
            }
            counts.push(count);
        }
        Ok(counts)
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), &'static str> {
        let depth = depth.checked_sub(1).ok_or("the footer is nested too deeply")?;
        match kind {
            1 | 2 => {}
            3 => drop(self.take(1)?),
            4..=6 => drop(self.varint()?),
            7 => drop(self.take(8)?),
            BINARY => {
                let length = self.varint()?;
                self.take(length)?;
            }
            LIST | 10 => {
                let (size, kind) = self.list()?;
                for _ in 0..size {
                    self.element(kind, depth)?;
                }
            }
            11 => {
                let size = self.varint()?;
                let kinds = if size > 0 { self.take(1)?[0] } else { 0 };
                for _ in 0..size {
                    self.element(kinds >> 4, depth)?;
                    self.element(kinds & 15, depth)?;
                }
            }
            STRUCT => {
                let mut last = 0;
                while let Some((id, kind)) = self.field(last)? {
                    self.skip(kind, depth)?;
                    last = id;
                }
            }
            13 => drop(self.take(16)?),
            _ => return Err("a field of the footer has an unknown type"),
        }
        Ok(())
    }

    /// Skips an element of a list, where a boolean takes a byte. Each takes at least one, so that a size is soon found out.
    fn element(&mut self, kind: u8, depth: usize) -> Result<(), &'static str> {
        match kind {
            1 | 2 => self.take(1).map(drop),
            _ => self.skip(kind, depth),
        }
    }

    fn field(&mut self, last: i16) -> Result<Option<(i16, u8)>, &'static str> {
        let head = self.take(1)?[0];
        if head == 0 {
            return Ok(None);
        }
        let id = match head >> 4 {
            0 => {
                let raw = self.varint()?;
                ((raw >> 1) as i64 ^ -((raw & 1) as i64)) as i16
            }
            delta => last.wrapping_add(i16::from(delta)),
        };
        Ok(Some((id, head & 15)))
    }

    fn list(&mut self) -> Result<(u64, u8), &'static str> {
        let head = self.take(1)?[0];
        let size = match head >> 4 {
            15 => self.varint()?,
            size => u64::from(size),
        };
        Ok((size, head & 15))
    }

    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("a number of the footer is too long")
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length))
            .ok_or("the footer ends too early")?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with nothing but a schema of these counts of children.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x29, 0xfc];
        let mut size = children.len();
        while size >= 128 {
            bytes.push(size as u8 | 128);
            size >>= 7;
        }
        bytes.push(size as u8);
        for count in children {
            bytes.extend([0x48, 1, b'x', 0x15, count * 2, 0]);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_tree_is_a_tree() {
        assert_eq!(check(&footer(&[2, 0, 1, 0])), Ok(()));
        assert_eq!(check(&footer(&[0])), Ok(()));
        assert!(check(&footer(&[1, 0, 0])).is_err_and(|error| error.contains("more than one root")));
        assert!(check(&footer(&[2, 0])).is_err());
        assert!(check(&footer(&[60, 0])).is_err_and(|error| error.contains("more children")));
        let mut chain = vec![1; 10_000];
        chain.push(0);
        assert!(check(&footer(&chain)).is_err_and(|error| error.contains("too deeply")));
    }

    #[test]
    fn no_prefix_and_no_flipped_byte_of_a_footer_is_taken_amiss() {
        let whole = footer(&[2, 0, 1, 0]);
        for end in 0..whole.len() {
            assert!(check(&whole[..end]).is_err());
        }
        for at in 0..whole.len() {
            for value in 0..=255 {
                let mut bytes = whole.clone();
                bytes[at] = value;
                // The outcome may be either; it must be one.
                let _ = check(&bytes);
            }
        }
    }
}
