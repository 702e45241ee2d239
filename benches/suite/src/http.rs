//! One HTTP/1.1 connection that is kept open: posts JSON, reads answers and streams of events.
//!
//! As little as the gateways that are measured need, so that the load costs next to nothing. No TLS, no redirects.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take before the run fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    request: Vec<u8>,
}

/// How the length of a body is told.
enum Length {
    Known(u64),
    Chunked,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
            line: String::new(),
            request: Vec::new(),
        })
    }

    /// Posts a JSON body and reads the answer's into `answer`. Returns the status.
    pub fn post(&mut self, path: &str, body: &[u8], answer: &mut Vec<u8>) -> io::Result<u16> {
        self.send("POST", path, "application/json", body)?;
        self.read_answer(answer)
    }

    /// Gets a page. Returns the status.
    pub fn get(&mut self, path: &str, answer: &mut Vec<u8>) -> io::Result<u16> {
        self.send("GET", path, "*/*", b"")?;
        self.read_answer(answer)
    }

    /// Posts a JSON body whose answer is a stream of events, and reads no further than its head.
    pub fn subscribe(&mut self, path: &str, body: &[u8]) -> io::Result<u16> {
        self.send("POST", path, "text/event-stream", body)?;
        Ok(self.read_head()?.0)
    }

    /// The next line of a stream of events; it never ends in the middle of a chunk's head.
    pub fn next_line(&mut self) -> io::Result<&str> {
        self.read_line()?;
        Ok(&self.line)
    }

    fn send(&mut self, method: &str, path: &str, accept: &str, body: &[u8]) -> io::Result<()> {
        self.request.clear();
        write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: {accept}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        )?;
        self.request.extend_from_slice(body);
        self.stream.get_mut().write_all(&self.request)
    }

    fn read_answer(&mut self, answer: &mut Vec<u8>) -> io::Result<u16> {
        let (status, length) = self.read_head()?;
        answer.clear();
        match length {
            Length::Known(bytes) => self.read_exactly(bytes, answer)?,
            Length::Chunked => self.read_chunks(answer)?,
        }
        Ok(status)
    }

    fn read_head(&mut self) -> io::Result<(u16, Length)> {
        self.read_line()?;
        let status = self.line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status: {:?}", self.line)))?;
        let mut length = Length::Known(0);
        loop {
            self.read_line()?;
            let Some((name, value)) = self.line.split_once(':') else {
                return Ok((status, length));
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = Length::Known(value.trim().parse().map_err(io::Error::other)?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                length = Length::Chunked;
            }
        }
    }

    fn read_chunks(&mut self, answer: &mut Vec<u8>) -> io::Result<()> {
        loop {
            self.read_line()?;
            let size = u64::from_str_radix(self.line.trim(), 16).map_err(io::Error::other)?;
            self.read_exactly(size, answer)?;
            self.read_line()?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn read_exactly(&mut self, bytes: u64, answer: &mut Vec<u8>) -> io::Result<()> {
        let read = (&mut self.stream).take(bytes).read_to_end(answer)?;
        if read as u64 == bytes {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        match self.stream.read_line(&mut self.line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
