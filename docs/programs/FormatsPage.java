import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.backend.reference.ReferenceBackend;
import dev.tornadomoe.checkpoint.gguf.GgufQuantization;
import dev.tornadomoe.checkpoint.quant.Quantization;
import dev.tornadomoe.layer.family.ModelNotes;
import dev.tornadomoe.layer.family.MoeFamilies;
import dev.tornadomoe.layer.gguf.ArchitectureNotes;
import dev.tornadomoe.layer.gguf.GgufModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Writes `docs/formats.md` again: what stands between two comments there, `<!-- models -->` and
/// `<!-- end -->` say, comes from the library's own tables, the rest stays as it is.
///
/// Usage, in the repository's root: `java -cp target/tornado-moe.jar docs/programs/FormatsPage.java
/// . docs/formats.md`
public final class FormatsPage {
  private static final Pattern PART =
      Pattern.compile("<!-- (?<name>[a-z-]+) -->\\n.*?<!-- end -->", Pattern.DOTALL);

  /// Characters of a line.
  private static final int LINE = 118;

  private final Path root;

  private FormatsPage(Path root) {
    this.root = root;
  }

  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 2) {
      throw new IllegalArgumentException("usage: FormatsPage ROOT OUTPUT");
    }
    Path root = Path.of(arguments[0]);
    String page =
        new FormatsPage(root).rewritten(Files.readString(root.resolve("docs/formats.md")));
    Files.writeString(Path.of(arguments[1]), page);
  }

  private String rewritten(String page) throws IOException {
    Matcher part = PART.matcher(page);
    StringBuilder written = new StringBuilder();
    while (part.find()) {
      String name = part.group("name");
      String text = "<!-- " + name + " -->\n\n" + text(name) + "\n<!-- end -->";
      part.appendReplacement(written, Matcher.quoteReplacement(text));
    }
    return part.appendTail(written).toString();
  }

  private String text(String name) throws IOException {
    return switch (name) {
      case "models" -> models();
      case "proofs" -> proofs();
      case "weights" -> weights();
      case "gguf-types" -> filled("Read: " + String.join(", ", GgufQuantization.readTypes()) + ".");
      case "gguf-refused" ->
          filled("Not read: " + String.join(", ", GgufQuantization.refusedTypes()) + ".");
      case "architectures" -> architectures();
      case "backends" -> backends();
      default -> throw new IllegalArgumentException("nothing is known of \"" + name + "\"");
    };
  }

  private static String models() {
    return table(
        List.of("`model_type`", "router", "experts are stored as", "also"),
        MoeFamilies.notes().stream()
            .map(notes ->
                List.of(codes(notes.modelTypes()), notes.router(), notes.experts(), notes.also())));
  }

  /// Which tests have a model type in them, and which golden checkpoints are of it.
  private String proofs() throws IOException {
    Map<String, String> golden =
        texts("src/test/resources/golden/hf", path -> path.endsWith("config.json"));
    Map<String, String> tests =
        texts(
            "src/test/java/dev/tornadomoe/layer/family",
            path ->
                path.getFileName()
                    .toString()
                    .matches("(\\w+Names|FamilyDefinition|FamilyChoices|GptOss)Test\\.java"));
    return table(
        List.of("`model_type`", "golden", "tests", "released checkpoints"),
        MoeFamilies.notes().stream()
            .map(notes ->
                List.of(
                    codes(notes.modelTypes()),
                    codes(naming(notes, golden)),
                    codes(naming(notes, tests)),
                    String.join(", ", notes.released()))));
  }

  /// Files by their directory's name, or their own without its ending.
  private Map<String, String> texts(String directory, Predicate<Path> wanted) throws IOException {
    Map<String, String> texts = new LinkedHashMap<>();
    try (Stream<Path> files = Files.walk(root.resolve(directory))) {
      for (Path file : files.filter(wanted).sorted().toList()) {
        String name = file.getFileName().toString();
        texts.put(
            name.endsWith(".java")
                ? name.substring(0, name.length() - ".java".length())
                : file.getParent().getFileName().toString(),
            Files.readString(file));
      }
    }
    return texts;
  }

  private static List<String> naming(ModelNotes notes, Map<String, String> texts) {
    return texts.entrySet().stream()
        .filter(text ->
            notes.modelTypes().stream()
                .anyMatch(type -> text.getValue().contains('"' + type + '"')))
        .map(Map.Entry::getKey)
        .toList();
  }

  private static String weights() {
    return table(
        List.of("stored as", "read", "in memory", "for example"),
        Quantization.formats().stream()
            .map(notes ->
                List.of(
                    notes.stored(),
                    notes.read(),
                    notes.memory(),
                    String.join(", ", notes.released()))));
  }

  /// Architectures that differ in their names alone share a row.
  private static String architectures() {
    Map<List<String>, List<String>> rows = new LinkedHashMap<>();
    for (ArchitectureNotes notes : GgufModel.architectures()) {
      List<String> row =
          List.of(
              notes.scores(),
              notes.renormalised(),
              notes.bias(),
              notes.scale(),
              notes.shared(),
              notes.activation());
      rows.computeIfAbsent(row, key -> new ArrayList<>()).add(notes.id());
    }
    return table(
        List.of(
            "`general.architecture`",
            "scores",
            "renormalised",
            "bias",
            "scale",
            "I of the shared expert",
            "activation"),
        rows.entrySet().stream()
            .map(row ->
                Stream.concat(Stream.of(codes(row.getValue())), row.getKey().stream()).toList()));
  }

  private static String backends() {
    return table(
        List.of("backend", "precisions"),
        Stream.<Backend>of(new CpuBackend(), new ReferenceBackend())
            .map(backend ->
                List.of(
                    "`" + backend.name() + "`",
                    backend.precisions().stream()
                        .map(Object::toString)
                        .sorted()
                        .collect(Collectors.joining(", ")))));
  }

  private static String codes(List<String> names) {
    return names.stream().map(name -> "`" + name + "`").collect(Collectors.joining(", "));
  }

  private static String table(List<String> heading, Stream<List<String>> rows) {
    return line(heading)
        + "|---".repeat(heading.size())
        + "|\n"
        + rows.map(FormatsPage::line).collect(Collectors.joining());
  }

  private static String line(List<String> cells) {
    return cells.stream()
            .map(cell -> cell.isEmpty() ? "" : cell + " ")
            .collect(Collectors.joining("| ", "| ", "|"))
        + "\n";
  }

  /// A paragraph in lines of the page's width.
  private static String filled(String text) {
    StringBuilder lines = new StringBuilder();
    int column = 0;
    for (String word : text.split(" ")) {
      if (column > 0) {
        boolean fits = column + 1 + word.length() <= LINE;
        lines.append(fits ? ' ' : '\n');
        column = fits ? column + 1 : 0;
      }
      lines.append(word);
      column += word.length();
    }
    return lines.append('\n').toString();
  }
}
