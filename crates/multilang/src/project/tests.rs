//! Projects in folders of their own, read with plain Python and a stand-in for streamparse.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;

/// A folder of this test's own.
fn scratch(name: &str) -> PathBuf {
    let folder = format!("tidemill-project-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(folder);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path.canonicalize().unwrap()
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Enough of streamparse's module layout for the loader: a stand-in that defines what a topology file
/// imports, so that these tests need nothing but Python. The real package is used by the projects test.
const STAND_IN: &str = include_str!("../../tests/py/stand_in.py");

fn with_stand_in(name: &str, topology: &str) -> Project {
    let root = scratch(name);
    write(&root, "config.json", r#"{"envs": {"prod": {"options": {"a": 1, "b": 1}}}}"#);
    write(&root, "src/streamparse/__init__.py", "");
    write(&root, "src/streamparse/dsl/__init__.py", "");
    write(&root, "src/streamparse/dsl/topology.py", STAND_IN);
    let spout = "from .topology import JavaSpoutSpec, ShellSpoutSpec\n";
    write(&root, "src/streamparse/dsl/spout.py", spout);
    let text = format!("from streamparse.dsl.topology import *\n{topology}");
    write(&root, "topologies/words.py", &text);
    Project::find(&root, None).unwrap()
}

/// Loads with `src` (and the stand-in in it) on the module path from the start.
fn load_stand_in(
    project: &Project,
    environment: Option<&str>,
) -> Result<TopologySpec, ProjectError> {
    let wrapper = project.root.join("python");
    let src = project.source_dir();
    let script = format!("#!/bin/sh\nPYTHONPATH='{}' exec python3 \"$@\"\n", src.display());
    std::fs::write(&wrapper, script).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    load(project, Some(&wrapper), environment)
}

#[test]
fn a_topology_is_described_in_full() {
    let project = with_stand_in(
        "full",
        r#"
print("noise on import")
class Words(Topology):
    config = {"b": 2, "topology.message.timeout.secs": 5}
    words = ShellSpoutSpec(Object(Shell("streamparse_run", "spouts.words.Words")),
        outputs={"default": Info(["word"], False), "ctl": Info([], True)})
    count = ShellBoltSpec(Object(Shell("node", "count.js")), par={"prod": 4, "beta": 1},
        inputs={Source("words", "default"): Group(fields=["word"]), Source("words", "ctl"): Group(direct=1)},
        config='{"topology.tick.tuple.freq.secs": 1}')
    last = ShellBoltSpec(Object(Shell("streamparse_run", "bolts.last.Last")),
        inputs={Source("count", "default"): Group(fields=[])})
"#,
    );
    let spec = load_stand_in(&project, None).unwrap();
    assert_eq!((spec.name.as_str(), spec.class.as_str()), ("words", "Words"));
    assert_eq!(spec.notes, "noise on import");
    let options = json!({"a": 1, "b": 2, "topology.message.timeout.secs": 5});
    assert_eq!(Value::Object(spec.options.0), options);
    let [words, count, last] = &spec.components[..] else { panic!("{:?}", spec.components) };
    assert_eq!((words.kind, words.parallelism), (ComponentKind::Spout, 1));
    assert_eq!(words.script, "spouts.words.Words");
    assert_eq!(words.outputs[1], StreamSpec { stream: "ctl".into(), fields: vec![], direct: true });
    assert_eq!((count.kind, count.parallelism), (ComponentKind::Bolt, 4));
    assert_eq!(count.inputs[0].grouping, Grouping::Fields { fields: vec!["word".into()] });
    assert_eq!(count.inputs[1].grouping, Grouping::Direct);
    assert_eq!(count.config["topology.tick.tuple.freq.secs"], 1);
    assert_eq!(last.inputs[0].grouping, Grouping::Global);
}

#[test]
fn a_jvm_component_is_refused_by_name() {
    let project = with_stand_in(
        "jvm",
        "class Words(Topology):\n    kafka = JavaSpoutSpec(Object(java=Java()))\n",
    );
    let text = load_stand_in(&project, None).unwrap_err().to_string();
    assert!(
        text.starts_with("component kafka is written for the JVM (org.example.JavaSpout)"),
        "{text}"
    );
}

#[test]
fn an_unknown_environment_for_par_is_named() {
    let topology = "class Words(Topology):\n    s = ShellSpoutSpec(Object(Shell('x', 'y')), par={'beta': 2})\n";
    let project = with_stand_in("par", topology);
    let text = load_stand_in(&project, None).unwrap_err().to_string();
    assert_eq!(text, "par of s depends on the environment; choose one with -e: beta");
    let text = load_stand_in(&project, Some("test")).unwrap_err().to_string();
    assert_eq!(text, "config.json has no environment test; it has: prod");
}

#[test]
fn a_module_that_cannot_be_imported_gives_the_last_line_of_its_traceback() {
    let project = with_stand_in("missing", "from bolts.nowhere import Bolt\n");
    let error = load_stand_in(&project, None).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("words.py cannot be imported: ModuleNotFoundError: No module named 'bolts'"),
        "{text}"
    );
    assert!(
        matches!(error, ProjectError::Import { traceback, .. } if traceback.contains("line 2"))
    );
    let project = with_stand_in("class", "from streamparse.dsl.topology import NoSuchBolt\n");
    let text = load_stand_in(&project, None).unwrap_err().to_string();
    assert!(text.contains("ImportError: cannot import name 'NoSuchBolt'"), "{text}");
    let project = with_stand_in("exit", "import sys; sys.exit('no')\n");
    assert!(matches!(load_stand_in(&project, None), Err(ProjectError::Import { .. })));
}

#[test]
fn a_module_without_a_topology_says_so() {
    let project = with_stand_in("none", "x = 1\n");
    assert!(matches!(load_stand_in(&project, None), Err(ProjectError::NoClass { .. })));
}

#[test]
fn python_without_streamparse_says_how_to_install_it() {
    let root = scratch("nosp");
    write(&root, "topologies/t.py", "");
    let project = Project::find(&root, None).unwrap();
    // -S leaves site-packages out, so this Python has none whatever is installed here.
    write(&root, "python", "#!/bin/sh\nexec python3 -S \"$@\"\n");
    use std::os::unix::fs::PermissionsExt;
    let python = root.join("python");
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = load(&project, Some(&python), None).unwrap_err().to_string();
    assert!(text.contains("No module named 'streamparse'"), "{text}");
    assert!(text.contains("-m pip install streamparse"), "{text}");
}

#[test]
fn a_python_that_is_not_there_is_named() {
    let root = scratch("nopython");
    write(&root, "topologies/t.py", "");
    let project = Project::find(&root, None).unwrap();
    let text = load(&project, Some(Path::new("/no/such/python")), None).unwrap_err().to_string();
    assert!(text.starts_with("cannot start Python (/no/such/python)"), "{text}");
    assert!(text.contains("--python"), "{text}");
}

#[test]
fn projects_are_found_by_folder_and_by_file() {
    let root = scratch("find");
    let find = |path: &Path, name: Option<&str>| Project::find(path, name);
    let text = |result: Result<Project, ProjectError>| result.unwrap_err().to_string();
    assert!(text(find(&root.join("nowhere"), None)).contains("does not exist"));
    assert!(text(find(&root, None)).contains("no streamparse project"));
    write(&root, "config.json", r#"{"topology_specs": "topologies/"}"#);
    assert!(text(find(&root, None)).contains("has no topology file"));
    write(&root, "topologies/old.clj", "");
    assert!(text(find(&root, None)).contains("Clojure"));
    write(&root, "topologies/_helper.py", "");
    write(&root, "topologies/b.py", "");
    assert_eq!(find(&root, None).unwrap().name, "b");
    write(&root, "topologies/a.py", "");
    assert_eq!(
        text(find(&root, None)),
        "the project has several topologies; choose one with -n NAME: a, b"
    );
    assert_eq!(text(find(&root, Some("c"))), "the project has no topology c; it has: a, b");
    assert_eq!(find(&root, Some("b")).unwrap().file, root.join("topologies/b.py"));
    let by_file = find(&root.join("topologies/a.py"), None).unwrap();
    assert_eq!((by_file.root, by_file.name.as_str()), (root.clone(), "a"));
    write(&root, "config.json", "{,}");
    assert!(text(find(&root, None)).contains("config.json cannot be read"));
}

#[test]
fn the_interpreter_is_the_one_named_or_the_nearest() {
    let root = scratch("interpreter");
    let choose = |given: Option<&str>, active: Option<&Path>| {
        interpreter::choose(given.map(Path::new), active.map(Into::into), &root)
    };
    assert_eq!(choose(None, None), Path::new("python3"));
    write(&root, "venv/bin/python", "");
    assert_eq!(choose(None, None), root.join("venv/bin/python"));
    write(&root, ".venv/bin/python", "");
    assert_eq!(choose(None, None), root.join(".venv/bin/python"));
    let active = root.join("active");
    assert_eq!(choose(None, Some(&active)), root.join(".venv/bin/python"), "a stale VIRTUAL_ENV");
    write(&root, "active/bin/python", "");
    assert_eq!(choose(None, Some(&active)), active.join("bin/python"));
    assert_eq!(choose(Some("/usr/bin/python3"), Some(&active)), Path::new("/usr/bin/python3"));
}

#[test]
fn commands_are_found_as_storm_finds_them_and_in_the_virtualenv_first() {
    let root = scratch("commands");
    let python = Interpreter {
        executable: root.join("bin/python"),
        scripts: root.join("bin"),
        version: "3.11.7".into(),
    };
    let src = root.join("src");
    let run = |command: &str, script: &str| {
        let (program, args) = python.command(command, script, &src);
        let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        format!("{} {args:?}", program.to_string_lossy().replace(root.to_str().unwrap(), "R"))
    };
    let class = "bolts.x.Cls";
    let as_module = r#"R/bin/python ["-m", "streamparse.run", "-s json bolts.x.Cls"]"#;
    assert_eq!(run("streamparse_run", class), as_module);
    write(&root, "bin/streamparse_run", "");
    assert_eq!(run("streamparse_run", class), r#"R/bin/streamparse_run ["-s json bolts.x.Cls"]"#);
    assert_eq!(run("node", "count.js"), r#"node ["count.js"]"#);
    assert_eq!(run("./count", ""), "R/src/./count []");
    write(&root, "bin/tool", "");
    assert_eq!(run("tool", "a b"), r#"R/bin/tool ["a b"]"#);
    write(&root, "pyvenv.cfg", "");
    let env = python.env(Some("/usr/bin:/bin".as_ref()));
    assert_eq!(env[0].1.to_string_lossy(), format!("{}/bin:/usr/bin:/bin", root.display()));
    assert_eq!(env[1], ("VIRTUAL_ENV".into(), root.clone().into()));
}

#[test]
fn options_have_an_order_and_types() {
    let environment = json!({
        "options": {"a": 1, "b": "x"},
        "log": {"path": "", "file": "f.log", "level": "INFO", "max_bytes": 10},
        "log_path": "/logs"
    });
    let mut options = Options::of_environment(environment.as_object().unwrap());
    assert_eq!(
        Value::Object(options.0.clone()),
        json!({"a": 1, "b": "x", "pystorm.log.file": "f.log", "pystorm.log.level": "info",
            "pystorm.log.path": "/logs", "pystorm.log.max_bytes": 10})
    );
    let line = [Options::parse("a=5").unwrap(), Options::parse("c=true").unwrap()];
    options.extend(&line.into_iter().collect());
    assert_eq!(options.count("a").unwrap(), Some(5));
    assert!(options.is_true("c"));
    assert_eq!(options.count("missing").unwrap(), None);
    assert!(options.count("b").unwrap_err().to_string().contains("whole number"));
    options.0.insert("t".into(), json!(0.5));
    assert_eq!(options.seconds("t").unwrap(), Some(Duration::from_millis(500)));
    options.0.insert("t".into(), json!("2"));
    assert_eq!(options.seconds("t").unwrap(), Some(Duration::from_secs(2)));
    options.0.insert("t".into(), json!(-1));
    assert!(options.seconds("t").is_err());
    assert!(Options::parse("nothing").unwrap_err().to_string().contains("NAME=VALUE"));
}
