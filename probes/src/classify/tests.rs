//! The rows of real servers' answers, each with what a prober knows in that situation.
