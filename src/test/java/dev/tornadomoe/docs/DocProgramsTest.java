package dev.tornadomoe.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The programs of docs/programs compile, and what pages show of them is what they make.
class DocProgramsTest {
  private static final Path ROOT = Path.of("").toAbsolutePath().getParent();
  private static final Pattern SCALING = tableOf("ScalingModel");
  private static final Pattern OFFLOAD = tableOf("OffloadTable");

  @TempDir private Path directory;

  private static Pattern tableOf(String program) {
    return Pattern.compile(
        "(?m)^    java .*" + program + "\\.java (?<arguments>.*)\\n\\n(?<table>(\\|.*\\n)+)");
  }

  @Test
  void scalingShowsWhatItsModelPrints() throws Exception {
    String page = Files.readString(ROOT.resolve("docs/scaling.md"));
    List<MatchResult> tables = SCALING.matcher(page).results().toList();
    assertThat(tables).hasSize(3);
    try (Samples program = compiled("ScalingModel")) {
      for (MatchResult table : tables) {
        assertThat(printed(program, "ScalingModel", table.group("arguments").split(" ")))
            .isEqualTo(table.group("table"));
      }
    }
  }

  @Test
  void offloadShowsWhatItsTablePrints() throws Exception {
    String page = Files.readString(ROOT.resolve("docs/offload.md"));
    MatchResult table = OFFLOAD.matcher(page).results().toList().getFirst();
    try (Samples program = compiled("OffloadTable")) {
      assertThat(printed(program, "OffloadTable", table.group("arguments").split(" ")))
          .isEqualTo(table.group("table"));
    }
  }

  @Test
  void formatsShowsTheLibrarysTables() throws Exception {
    Path written = directory.resolve("formats.md");
    try (Samples program = compiled("FormatsPage")) {
      printed(program, "FormatsPage", ROOT.toString(), written.toString());
    }
    assertThat(Files.readString(ROOT.resolve("docs/formats.md")))
        .as("java -cp target/tornado-moe.jar docs/programs/FormatsPage.java . docs/formats.md")
        .isEqualTo(Files.readString(written));
  }

  @ParameterizedTest
  @CsvSource({
    "cpu-us-per-layer, epyc-zen4-2-cores-exact, epyc-zen4-2-cores-fast",
    "h200-us-per-layer, h200-few, h200-many"
  })
  void chartsAreDrawnFromTheResults(String image, String first, String second) throws Exception {
    Path drawn = directory.resolve("drawn.svg");
    List<String> arguments = new ArrayList<>(List.of(drawn.toString()));
    for (String name : List.of(first, second)) {
      arguments.add(ROOT.resolve("benchmarks/results/bench-" + name + ".json").toString());
    }
    try (Samples program = compiled("BenchChart")) {
      assertThat(printed(program, "BenchChart", arguments.toArray(String[]::new))).isEmpty();
    }
    assertThat(drawn).hasSameTextualContentAs(ROOT.resolve("docs/images/" + image + ".svg"));
  }

  private Samples compiled(String name) throws IOException {
    Path file = ROOT.resolve("docs/programs/" + name + ".java");
    Sample program = new Sample(file, 1, Optional.empty(), Files.readString(file), false);
    return Samples.compile(List.of(program), directory.resolve(name));
  }

  private static String printed(Samples program, String name, String... arguments)
      throws Exception {
    PrintStream before = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      program.invoke(name, "main", (Object) arguments);
    } finally {
      System.setOut(before);
    }
    return printed.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
  }
}
