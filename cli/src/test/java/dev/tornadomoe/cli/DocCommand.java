package dev.tornadomoe.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A command that the documentation shows: a line of a block of shell, or `./moe ...` in a text.
///
/// @param page where it stands
/// @param text as a reader copies it, without its comment
record DocCommand(Path page, String text) {
  private static final Pattern BLOCK = Pattern.compile("(?m)^```sh\\n((?s:.*?))^```$");

  /// May go over the end of a line. The text is what lies between blocks.
  private static final Pattern INLINE = Pattern.compile("`((?:mpirun [^`]*?)?\\./moe [^`]+)`");

  /// All of a page, in order.
  static List<DocCommand> of(Path page) throws IOException {
    List<DocCommand> commands = new ArrayList<>();
    String text = Files.readString(page);
    Matcher block = BLOCK.matcher(text);
    int end = 0;
    while (block.find()) {
      addInline(commands, page, text.substring(end, block.start()));
      block
          .group(1)
          .lines()
          .map(line -> line.replaceFirst("(^|\\s)#.*", "").strip())
          .filter(line -> !line.isEmpty())
          .forEach(line -> commands.add(new DocCommand(page, line)));
      end = block.end();
    }
    addInline(commands, page, text.substring(end));
    return commands;
  }

  private static void addInline(List<DocCommand> commands, Path page, String text) {
    INLINE
        .matcher(text)
        .results()
        .map((MatchResult found) -> found.group(1).replaceAll("\\s+", " "))
        .forEach(command -> commands.add(new DocCommand(page, command)));
  }
}
