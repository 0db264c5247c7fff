package dev.tornadomoe.cli.parallel;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import picocli.CommandLine;

/// Layer indices as a user writes them: `3`, `0-7`, `0-1,5`.
///
/// @param indices in the order given
public record LayerRange(List<Integer> indices) {

  /// Reads the text of an option.
  public static final class Converter implements CommandLine.ITypeConverter<LayerRange> {
    private static final int MOST = 100_000;

    @Override
    public LayerRange convert(String text) {
      Set<Integer> indices = new LinkedHashSet<>();
      for (String part : text.split(",", -1)) {
        String[] range = part.strip().split("-", -1);
        int first = index(text, range[0]);
        int last = range.length == 2 ? index(text, range[1]) : first;
        if (range.length > 2 || last < first) {
          throw wrong(text);
        }
        for (int i = first; i <= last; i++) {
          if (!indices.add(i)) {
            throw new CommandLine.TypeConversionException(
                String.format(Locale.ROOT, "'%s' names layer %d twice", text, i));
          }
        }
      }
      return new LayerRange(List.copyOf(indices));
    }

    private static int index(String text, String number) {
      try {
        int index = Integer.parseInt(number.strip());
        if (index >= 0 && index <= MOST) {
          return index;
        }
      } catch (NumberFormatException e) {
        throw wrong(text);
      }
      throw wrong(text);
    }

    private static CommandLine.TypeConversionException wrong(String text) {
      return new CommandLine.TypeConversionException(
          String.format(Locale.ROOT, "'%s' is no list of layers; write 3, 0-7 or 0-1,5", text));
    }
  }
}
