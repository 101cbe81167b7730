//! Keys of accounts.

use colophon::ledger::keyring::AddedKey;
use colophon::storage::keys::KeyEnd;

use super::*;

both! {
    keys_are_added_once_and_end_once,
    nothing_is_stated_in_a_party_s_name_while_its_keys_change,
}

async fn nothing_is_stated_in_a_party_s_name_while_its_keys_change(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut alone = s.begin().await;
    Tx::lock_party(&mut alone, "Ana", true).await.unwrap();
    if kind == Kind::Postgres {
        let store = s.store.clone();
        let waits = tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            tx.lock_party("Ana", false).await.unwrap();
        });
        let (mut ben, mut also_ben) = (s.begin().await, s.begin().await);
        ben.lock_party("Ben", false).await.unwrap();
        also_ben.lock_party("Ben", false).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert!(!waits.is_finished(), "a deed waits for the key");
        alone.commit().await.unwrap();
        waits.await.unwrap();
        drop((ben, also_ben));
    } else {
        alone.commit().await.unwrap();
    }
    s.remove().await;
}

async fn keys_are_added_once_and_end_once(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let key = |id: &str, required, replaces: Option<&str>| AddedKey {
        keyid: id.into(),
        public_key: "AA==".into(),
        required,
        replaces: replaces.map(str::to_owned),
    };
    keys::insert(&mut tx, &key("one", false, None), "Ana", t(1), statement("a")).await.unwrap();
    keys::insert(&mut tx, &key("two", true, Some("one")), "Ana", t(2), statement("b")).await.unwrap();
    keys::insert(&mut tx, &key("three", false, None), "Ben", t(3), statement("c")).await.unwrap();
    let end = KeyEnd { at: t(4), reason: "lost".into(), statement: statement("d") };
    assert!(!keys::end(&mut tx, "one", "Ben", &end).await.unwrap(), "it is Ana's");
    assert!(keys::end(&mut tx, "one", "Ana", &end).await.unwrap());
    assert!(!keys::end(&mut tx, "one", "Ana", &end).await.unwrap(), "it has ended");
    let of_ana = keys::of(&mut tx, "Ana").await.unwrap();
    assert_eq!(
        of_ana.iter().map(|k| k.added.clone()).collect::<Vec<_>>(),
        [key("one", false, None), key("two", true, Some("one"))]
    );
    assert_eq!((of_ana[0].end.clone(), of_ana[1].end.clone()), (Some(end), None));
    assert_eq!((of_ana[1].holder.as_str(), of_ana[1].added_at, of_ana[1].statement), ("Ana", t(2), statement("b")));
    assert_eq!(keys::all(&mut tx).await.unwrap().len(), 3);
    assert_eq!(keys::of(&mut tx, "?").await.unwrap(), []);
    assert!(matches!(
        keys::insert(&mut tx, &key("one", false, None), "Ben", t(5), statement("e")).await,
        Err(Error::Conflict(_))
    ));
    drop(tx);
    s.remove().await;
}
