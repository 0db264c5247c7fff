package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The launcher script: which JDK it takes, when it builds, what it hands on.
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the launcher is a bash script")
class LauncherTest {
  private static final String BUILDING = "moe: building";

  @TempDir private Path directory;
  private LauncherHome home;
  private final Map<String, String> environment = new HashMap<>();

  @BeforeEach
  void make() throws IOException {
    home = LauncherHome.make(directory.toRealPath());
    environment.put("JAVA_HOME", home.jdk(25).toString());
    home.program("bin/mvn", "printf '%s ' \"$@\" >\"$HOME.mvn\"; echo noise; echo noise >&2");
  }

  @Test
  void handsArgumentsOnAsTheyAre() throws Exception {
    MoeRun run = moe("verify", "a b", "", "*", "$HOME", "it's", "--json").fine();
    assertThat(run.out())
        .startsWith("jdk-25\n")
        .contains(String.format(Locale.ROOT, "[-jar]\n[%s]\n", home.file(LauncherHome.JAR)))
        .contains("[--add-modules]\n[jdk.incubator.vector]\n")
        .contains("[--enable-native-access=ALL-UNNAMED]\n")
        .endsWith("[verify]\n[a b]\n[]\n[*]\n[$HOME]\n[it's]\n[--json]\n")
        .doesNotContain("terminal"); // stderr is a file here
    assertThat(run.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "1", "2", "77"})
  void endsWithTheExitCodeOfTheCommand(String code) throws Exception {
    environment.put("JAVA_EXIT", code);
    assertThat(moe("verify", "x").exit()).isEqualTo(Integer.parseInt(code));
  }

  @Test
  void handsOnOptionsForTheJvm() throws Exception {
    environment.put("MOE_JAVA_OPTS", "-Xmx1g -Da=b");
    assertThat(moe("demo").fine().out()).contains("[-Xmx1g]\n[-Da=b]\n[-jar]\n");
  }

  /// A jar with a family of the user's own, say.
  @Test
  void addsToTheClassPath() throws Exception {
    environment.put("MOE_CLASS_PATH", "a b.jar:c.jar");
    assertThat(moe("inspect", "x").fine().out())
        .contains(
            String.format(
                Locale.ROOT,
                "[-cp]\n[%s:a b.jar:c.jar]\n[dev.tornadomoe.cli.Main]\n[inspect]\n[x]\n",
                home.file(LauncherHome.JAR)))
        .doesNotContain("[-jar]");
  }

  @Test
  void runsThroughALink() throws Exception {
    Path link = Files.createSymbolicLink(home.file("elsewhere/moe"), home.file("checkout/moe"));
    assertThat(home.run(link, environment, "demo").fine().out())
        .contains(home.file(LauncherHome.JAR).toString());
  }

  @Test
  void takesTheJdkOnThePathWhenJavaHomeIsTooOld() throws Exception {
    environment.put("JAVA_HOME", home.jdk(17).toString());
    home.link(home.jdk(26), "javac");
    assertThat(moe("demo").fine().out()).startsWith("jdk-26\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "/no/such/jdk", "two words"})
  void takesTheJdkOnThePathWhenJavaHomeIsNonsense(String javaHome) throws Exception {
    environment.put("JAVA_HOME", javaHome);
    home.link(home.jdk(26), "javac");
    assertThat(moe("demo").fine().out()).startsWith("jdk-26\n");
  }

  @Test
  void prefersJavaHome() throws Exception {
    home.link(home.jdk(26), "javac");
    assertThat(moe("demo").fine().out()).startsWith("jdk-25\n");
  }

  @Test
  void doesNotTakeARuntimeWithoutCompiler() throws Exception {
    Path runtime = home.jdk(25);
    Files.delete(runtime.resolve("bin/javac"));
    home.link(home.jdk(26), "javac");
    assertThat(moe("demo").fine().out()).startsWith("jdk-26\n");
  }

  @Test
  void doesNotBuildWhenTheJarIsNewer() throws Exception {
    assertThat(moe("demo").fine().err()).isEmpty();
    assertThat(home.file("user.mvn")).doesNotExist();
  }

  @Test
  void buildsWithOneQuietLineWhenTheJarIsMissing() throws Exception {
    Files.delete(home.file(LauncherHome.JAR));
    MoeRun run = moe("demo").fine();
    assertThat(run.err().lines()).singleElement().asString().startsWith(BUILDING);
    assertThat(run.out()).startsWith("jdk-25\n");
    assertThat(home.file("user.mvn")).content().contains("-DskipTests", "package");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pom.xml",
        "src/pom.xml",
        "src/main/Code.java",
        "src/main/new/Code.java",
        "cli/pom.xml",
        "cli/src/main/Code.java"
      })
  void buildsOnceWhenASourceIsNewer(String source) throws Exception {
    home.age(home.write("checkout/" + source, "changed"), 2);
    assertThat(moe("demo").fine().err()).startsWith(BUILDING);
    assertThat(moe("demo").fine().err()).isEmpty();
  }

  @Test
  void aBuildThatFailsShowsItsErrorsAndWhereTheLogIs() throws Exception {
    Files.delete(home.file(LauncherHome.JAR));
    home.program("bin/mvn", "echo '[INFO] noise'; echo '[ERROR] Code.java: no'; exit 1");
    MoeRun run = moe("demo");
    assertThat(run.exit()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    Path log = home.file("checkout/target/moe-build.log");
    assertThat(run.err().lines())
        .hasSize(3)
        .contains("[ERROR] Code.java: no")
        .last()
        .asString()
        .startsWith("moe: the build failed")
        .endsWith(log.toString());
    assertThat(log).content().contains("[INFO] noise");
  }

  @Test
  void saysThatMavenIsMissing() throws Exception {
    Files.delete(home.file(LauncherHome.JAR));
    Files.delete(home.file("bin/mvn"));
    MoeRun run = moe("demo");
    assertThat(run.exit()).isEqualTo(2);
    assertThat(run.err().lines())
        .singleElement()
        .asString()
        .startsWith("moe: building needs Maven");
  }

  private MoeRun moe(String... arguments) throws IOException, InterruptedException {
    return home.run(home.file("checkout/moe"), environment, arguments);
  }
}
