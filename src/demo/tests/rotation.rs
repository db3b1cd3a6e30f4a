//! A rolling rotation of the signing secret looks as it does in life.

use crate::demo::tests::Bench;

/// What nine runs of held token, login, fresh token and API key saw: successes of each but the login.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    held: usize,
    fresh: usize,
    key: usize,
}

/// Nine runs of four requests, so that each of three replicas gets each request three times.
async fn nine_runs(bench: &Bench, held: &str) -> Seen {
    let mut seen = Seen { held: 0, fresh: 0, key: 0 };
    let key = bench.credentials().api_key;
    for _ in 0..9 {
        seen.held += usize::from(bench.use_token(held).await == 200);
        let fresh = bench.token().await;
        seen.fresh += usize::from(bench.use_token(&fresh).await == 200);
        seen.key += usize::from(bench.use_key(&key).await == 200);
    }
    seen
}

#[tokio::test]
async fn tokens_die_replica_by_replica_while_login_and_key_go_on() {
    let bench = Bench::start().await;
    let held = bench.token().await;
    let all = Seen { held: 9, fresh: 9, key: 9 };
    assert_eq!(nine_runs(&bench, &held).await, all);
    bench.api.rotate_secret().unwrap();
    assert_eq!(nine_runs(&bench, &held).await, all, "a stored secret is not in force before a restart");
    bench.api.roll_out(0).unwrap();
    assert_eq!(nine_runs(&bench, &held).await, Seen { held: 6, fresh: 3, key: 9 });
    bench.api.roll_out(1).unwrap();
    assert_eq!(nine_runs(&bench, &held).await, Seen { held: 3, fresh: 3, key: 9 });
    bench.api.roll_out(2).unwrap();
    assert_eq!(nine_runs(&bench, &held).await, Seen { held: 0, fresh: 9, key: 9 });
}

#[tokio::test]
async fn over_all_pairs_of_replicas_a_fresh_token_passes_with_f2_plus_1_minus_f_2() {
    for new in 0..=3 {
        let bench = Bench::start().await;
        bench.api.rotate_secret().unwrap();
        for replica in 0..new {
            bench.api.roll_out(replica).unwrap();
        }
        let key = bench.credentials().api_key;
        let mut passed = 0;
        // Turns strictly alternate, so requests in between move the second of a pair to every replica.
        for between in 0..3 {
            for _ in 0..3 {
                let fresh = bench.token().await;
                for _ in 0..between {
                    bench.use_key(&key).await;
                }
                passed += usize::from(bench.use_token(&fresh).await == 200);
                // A pair takes 2 + `between` requests; the next one has to begin one replica further.
                for _ in 0..(2 - between) {
                    bench.use_key(&key).await;
                }
            }
        }
        assert_eq!(passed, new * new + (3 - new) * (3 - new), "{new} of 3 replicas are new");
    }
}

#[tokio::test]
async fn a_replica_that_does_not_exist_is_told() {
    let bench = Bench::start().await;
    let told = bench.api.roll_out(3).unwrap_err().to_string();
    assert_eq!(told, "there is no replica 3, they are numbered 0 to 2");
}
