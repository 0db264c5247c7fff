package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// A copy of the launcher script in its own checkout, where `java` and `mvn` are scripts that say
/// how they were called. The real Maven would build the project from inside its own tests.
final class LauncherHome {
  private static final List<String> TOOLS =
      List.of(
          "bash",
          "sh",
          "readlink",
          "dirname",
          "sed",
          "find",
          "grep",
          "tail",
          "mkdir",
          "touch",
          "rm",
          "cat");

  /// What the build makes and the script starts.
  static final String JAR = "checkout/cli/target/tornado-moe-cli.jar";

  /// Where the build puts the release of the SDK that it compiled against.
  static final String KERNELS_RELEASE =
      "checkout/tornado-kernels/target/classes/dev/tornadomoe/tornado/tornado.release";

  /// Long before anything that a test changes.
  private static final Instant PAST = Instant.parse("2020-01-01T00:00:00Z");

  private final Path directory;

  private LauncherHome(Path directory) {
    this.directory = directory;
  }

  /// Makes one whose jar is newer than its sources.
  static LauncherHome make(Path directory) throws IOException {
    LauncherHome home = new LauncherHome(directory);
    Files.copy(script(), home.file("checkout/moe"));
    for (String source :
        List.of(
            "pom.xml",
            "src/pom.xml",
            "src/main/Code.java",
            "cli/pom.xml",
            "cli/src/main/Code.java")) {
      home.age(home.write("checkout/" + source, ""), 0);
    }
    home.age(home.file("checkout/src/main"), 0);
    home.age(home.file("checkout/cli/src/main"), 0);
    home.age(home.write(JAR, ""), 1);
    for (String tool : TOOLS) {
      home.program("bin/" + tool, String.format(Locale.ROOT, "exec '%s' \"$@\"", find(tool)));
    }
    return home;
  }

  private static Path script() {
    Path at = Path.of("").toAbsolutePath();
    while (at != null && !Files.isRegularFile(at.resolve("moe"))) {
      at = at.getParent();
    }
    assertThat(at).as("a directory above with the launcher in it").isNotNull();
    return at.resolve("moe");
  }

  /// Where the machine has a tool; without one of them it can't run the script at all.
  private static Path find(String tool) {
    Path found =
        Stream.of(System.getenv("PATH").split(File.pathSeparator))
            .map(folder -> Path.of(folder, tool))
            .filter(Files::isExecutable)
            .findFirst()
            .orElse(null);
    assumeTrue(found != null, "no " + tool + " on the PATH");
    return found;
  }

  Path file(String name) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    return file;
  }

  Path write(String name, String text) throws IOException {
    return Files.writeString(file(name), text);
  }

  void age(Path file, int hours) throws IOException {
    Files.setLastModifiedTime(file, FileTime.from(PAST.plusSeconds(3600L * hours)));
  }

  void program(String name, String text) throws IOException {
    Path file = write(name, String.format(Locale.ROOT, "#!%s\n%s\n", find("bash"), text));
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  /// A JDK of some version, whose `java` prints its home and each argument on a line and ends with
  /// exit code `$JAVA_EXIT`.
  Path jdk(int version) throws IOException {
    String name = "jdk-" + version;
    write(
        name + "/release",
        String.format(Locale.ROOT, "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"%d.0.1\"\n", version));
    program(name + "/bin/javac", "exit 0");
    program(
        name + "/bin/java",
        String.format(
            Locale.ROOT, "echo %s; printf '[%%s]\\n' \"$@\"; exit \"${JAVA_EXIT:-0}\"", name));
    return directory.resolve(name);
  }

  /// A TornadoVM SDK of some version.
  Path sdk(String name, String version) throws IOException {
    Path libraries = Files.createDirectories(file(name + "/lib/native")).getParent();
    write(
        name + "/tornado-argfile",
        String.format(Locale.ROOT, "-server\n-Djava.library.path=%s\n", libraries));
    release(name + "/etc/tornado.release", version);
    return directory.resolve(name);
  }

  /// Gives the checkout a TornadoVM backend that is newer than its sources, built for some version
  /// of the SDK.
  void kernels(String version) throws IOException {
    for (String source : List.of("tornado-kernels/pom.xml", "tornado-kernels/src/main/Code.java")) {
      age(write("checkout/" + source, ""), 0);
    }
    age(file("checkout/tornado-kernels/src/main"), 0);
    release(KERNELS_RELEASE, version);
    age(write("checkout/tornado-kernels/target/tornado-moe-tornado-kernels.jar", ""), 1);
  }

  private void release(String name, String version) throws IOException {
    write(name, String.format(Locale.ROOT, "version=%s\nbranch=x\ncommit=y\n", version));
  }

  /// Puts a program of a JDK on the PATH, as distributions do.
  void link(Path jdk, String program) throws IOException {
    Files.createSymbolicLink(file("bin/" + program), jdk.resolve("bin").resolve(program));
  }

  /// Runs the script with this environment and no other.
  MoeRun run(Path script, Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(file("bin/bash").toString()));
    command.add(script.toString());
    command.addAll(List.of(arguments));
    Path out = file("stdout");
    Path err = file("stderr");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
    builder.environment().clear();
    builder.environment().put("PATH", directory.resolve("bin").toString());
    builder.environment().put("HOME", directory.resolve("user").toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("the launcher hangs");
    }
    return new MoeRun(process.exitValue(), Files.readString(out), Files.readString(err));
  }
}
