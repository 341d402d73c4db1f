//! Random steps: whatever members do, answers that are lost, topics that change and brokers that stop, a partition has
//! one owner by its epoch, epochs rise, and when the trouble ends everything is assigned and nothing moves any more.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    /// A heartbeat.
    Beat(usize),
    /// A heartbeat whose answer is lost.
    Lose(usize),
    /// A heartbeat in the middle of which the broker stops: it is neither kept nor answered.
    Crash(usize),
    Restart,
    Leave(usize),
    /// The client ends without a word and begins anew.
    Kill(usize),
    Subscribe(usize, Vec<u8>),
    Resize(u8, i32),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let member = || 0usize..4;
    prop_oneof![
        12 => member().prop_map(Act::Beat),
        2 => member().prop_map(Act::Lose),
        1 => member().prop_map(Act::Crash),
        1 => Just(Act::Restart),
        1 => member().prop_map(Act::Leave),
        1 => member().prop_map(Act::Kill),
        1 => (member(), prop::collection::vec(1u8..4, 0..3)).prop_map(|(who, what)| Act::Subscribe(who, what)),
        1 => (0u8..3, 0i32..6).prop_map(|(topic, size)| Act::Resize(topic, size)),
        2 => (1u64..40).prop_map(Act::Pass),
    ]
}

struct Model {
    bench: Bench,
    clients: Vec<Client>,
    sizes: Vec<i32>,
    lives: usize,
    epoch: i32,
}

impl Model {
    fn new() -> Self {
        let sizes = vec![4, 3, 0];
        let mut model =
            Self { bench: Bench::new(&sizes), clients: Vec::new(), sizes, lives: 0, epoch: 0 };
        for place in 0..4 {
            let client = model.client(place);
            model.clients.push(client);
        }
        model
    }

    /// A client as it begins; two of four are static, one wants another assignor, one a pattern.
    fn client(&mut self, place: usize) -> Client {
        self.lives += 1;
        let mut client = Client::new(&format!("m{place}-{}", self.lives), &["t1", "t2"]);
        client.instance_id = place.is_multiple_of(2).then(|| format!("s{place}").into());
        client.assignor = (place == 1).then(|| "range".into());
        client.regex = (place == 3).then(|| "t[23]".into());
        client
    }

    fn step(&mut self, act: &Act) {
        match act {
            Act::Beat(place) => self.clients[*place].beat(&mut self.bench),
            Act::Lose(place) => drop(self.bench.send(&self.clients[*place].input())),
            Act::Crash(place) => {
                let before = self.bench.kept.clone();
                drop(self.bench.send(&self.clients[*place].input()));
                self.bench.kept = before;
                self.bench.restart();
            }
            Act::Restart => self.bench.restart(),
            Act::Leave(place) => {
                let client = &self.clients[*place];
                let epoch = if client.instance_id.is_some() { -2 } else { -1 };
                drop(self.bench.send(&client.leaving(epoch)));
                self.clients[*place] = self.client(*place);
            }
            Act::Kill(place) => self.clients[*place] = self.client(*place),
            Act::Subscribe(place, topics) => {
                let names = topics.iter().map(|number| format!("t{number}").into());
                self.clients[*place].names = names.collect();
            }
            Act::Resize(topic, size) => {
                // A topic grows, or goes and comes again.
                let now = &mut self.sizes[usize::from(*topic)];
                *now = if *size == 0 { 0 } else { (*now).max(*size) };
                self.bench.resize(&self.sizes);
            }
            Act::Pass(seconds) => self.bench.pass(Duration::from_secs(*seconds)),
        }
    }

    fn check(&mut self) {
        let Some(view) = self.bench.coordinator.consumer_view(&group()) else { return };
        assert!(view.epoch >= self.epoch, "the group's epoch fell");
        assert!(view.target_epoch <= view.epoch);
        // A heartbeat that was never kept may take the epoch back with it.
        self.epoch = view.target_epoch;
        assert!(self.bench.coordinator.owners_are_right(&group()));
        let mut owners = BTreeMap::new();
        for client in self.clients.clone() {
            let Ok(scope) = self.bench.commit(&client.id, client.epoch) else { continue };
            let owned =
                client.owned.iter().flat_map(|(topic, all)| all.iter().map(|one| (*topic, *one)));
            for (topic, index) in owned {
                if scope.check(topic, index).is_ok() {
                    let other = owners.insert((topic, index), client.id.clone());
                    assert_eq!(other, None, "two members may commit {topic:?}-{index}");
                }
            }
        }
    }

    /// The trouble ends: everybody comes every five seconds.
    fn calm(&mut self) {
        for _ in 0..40 {
            for place in 0..self.clients.len() {
                self.clients[place].beat(&mut self.bench);
            }
            self.bench.pass(Duration::from_secs(5));
            self.check();
        }
        let (view, kept) = (self.bench.view(), self.bench.kept.clone());
        assert_eq!((view.state, view.members.len()), ("Stable", 4));
        let wanted = |topic: &str, client: &Client| {
            let matched = client.regex.is_some() && topic != "t1";
            matched || client.names.iter().any(|name| &**name == topic)
        };
        let topics = (1..).zip(&self.sizes).filter(|(number, _)| {
            let topic = format!("t{number}");
            self.clients.iter().any(|client| wanted(&topic, client))
        });
        let count: i32 = topics.map(|(_, size)| size).sum();
        let owned: usize = self.clients.iter().map(Client::count).sum();
        assert_eq!(owned, usize::try_from(count).unwrap(), "everything wanted is assigned");
        for client in &mut self.clients {
            client.beat(&mut self.bench);
        }
        assert_eq!(self.bench.kept, kept, "something still moves");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_group_keeps_its_promises(acts in prop::collection::vec(act(), 1..150)) {
        let mut model = Model::new();
        for act in &acts {
            model.step(act);
            model.check();
        }
        model.calm();
    }
}
