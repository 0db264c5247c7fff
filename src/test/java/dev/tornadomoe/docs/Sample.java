package dev.tornadomoe.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// A block of Java in the documentation.
///
/// A block that declares a type is a file. Any other is the body of a method, whose name and
/// parameters are in the line above it, `<!-- sample: name(Type parameter, ...) -->`, which readers
/// don't see. `tornado sample` instead of `sample`, above either kind, says that it needs
/// TornadoVM's module.
///
/// @param page where it stands
/// @param line of the page at which its code begins, from 1
/// @param head name and parameters of its method, if it is no file
/// @param code its text
/// @param tornado whether it needs TornadoVM
public record Sample(Path page, int line, Optional<String> head, String code, boolean tornado) {
  private static final Pattern BLOCK =
      Pattern.compile(
          "(?m)^(?:<!-- (?<tornado>tornado )?sample(?:: (?<head>\\w+\\([^\\n]*\\)))?"
              + " -->\\n)?```java\\n(?<code>(?s:.*?))^```$");
  private static final Pattern TYPE =
      Pattern.compile(
          "(?m)^(?:(?:public|final|abstract|sealed) )*(?:class|record|interface|enum) (\\w+)");
  private static final Pattern PACKAGE = Pattern.compile("(?m)^package ([\\w.]+);");

  /// The pages that have samples: the README and everything in docs/.
  public static List<Path> pages() throws IOException {
    Path root = Path.of("").toAbsolutePath().getParent();
    try (Stream<Path> docs = Files.list(root.resolve("docs"))) {
      return Stream.concat(Stream.of(root.resolve("README.md")), docs.sorted())
          .filter(page -> page.toString().endsWith(".md"))
          .toList();
    }
  }

  /// A page's blocks, in order.
  ///
  /// @param name its file's name
  public static List<Sample> of(String name) throws IOException {
    for (Path page : pages()) {
      if (page.endsWith(name)) {
        return of(page);
      }
    }
    throw new IllegalArgumentException("no page " + name);
  }

  /// A page's blocks, in order.
  ///
  /// @throws IllegalArgumentException for a block that is neither a file nor has a head, and for a
  ///   head that is above no block
  public static List<Sample> of(Path page) throws IOException {
    String text = Files.readString(page);
    List<Sample> samples = new ArrayList<>();
    for (MatchResult block : BLOCK.matcher(text).results().toList()) {
      Sample sample =
          new Sample(
              page,
              Math.toIntExact(text.substring(0, block.start("code")).lines().count()) + 1,
              Optional.ofNullable(block.group("head")),
              block.group("code"),
              block.group("tornado") != null);
      if (sample.head().isPresent() == sample.isFile()) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s:%d: expected either a file or a line <!-- sample: name(...) --> above",
                page,
                sample.line()));
      }
      samples.add(sample);
    }
    long marked =
        Pattern.compile("(?m)^\\s*(```java|<!-- (tornado )?sample)")
            .matcher(text)
            .results()
            .count();
    long found = samples.stream().mapToLong(s -> s.head().isPresent() || s.tornado() ? 2 : 1).sum();
    if (marked != found) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: %d lines begin or announce a block of Java, %d of them belong together",
              page,
              marked,
              found));
    }
    return samples;
  }

  boolean isFile() {
    return TYPE.matcher(code).find();
  }

  /// The full name of the class that it becomes.
  String className() {
    Matcher type = TYPE.matcher(code);
    if (!type.find()) {
      return "sample.Line" + line;
    }
    Matcher in = PACKAGE.matcher(code);
    return (in.find() ? in.group(1) + "." : "") + type.group(1);
  }

  /// The method that a block without a type is the body of.
  String methodName() {
    return head.orElseThrow().substring(0, head.orElseThrow().indexOf('('));
  }
}
