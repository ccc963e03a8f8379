//! Traces of calls, in every format that users have them in.
