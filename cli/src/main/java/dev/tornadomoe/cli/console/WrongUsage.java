package dev.tornadomoe.cli.console;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/// What is said of a command line that is none.
public final class WrongUsage {
  private WrongUsage() {}

  /// What is wrong, in one sentence.
  public static String sentence(ParameterException failure) {
    return switch (failure) {
      case UnmatchedArgumentException e -> unmatched(e);
      case OverwrittenOptionException e -> name(e.getOverwritten()) + " is given twice";
      case MissingParameterException e when e.getMissing().size() == 1 ->
          missing(e.getMissing().getFirst());
      case ParameterException e
          when e.getCause() instanceof TypeConversionException cause && e.getArgSpec() != null ->
          wrongValue(e.getArgSpec(), String.valueOf(e.getValue()), cause);
      default -> ofSeveral(String.valueOf(failure.getMessage()));
    };
  }

  /// Options that belong together are not told one by one.
  private static String ofSeveral(String message) {
    return message
        .replaceFirst("^Error: ", "")
        .replaceFirst("^Missing required [^:]*: ", "missing: ");
  }

  private static String unmatched(UnmatchedArgumentException e) {
    String first = e.getUnmatched().getFirst();
    boolean isCommand = !e.isUnknownOption() && !e.getCommandLine().getSubcommands().isEmpty();
    if (!e.isUnknownOption() && !isCommand) {
      return "one argument too many: " + first;
    }
    List<String> near = e.getSuggestions();
    return String.format(
        Locale.ROOT,
        "there is no %s %s%s",
        isCommand ? "command" : "option",
        first,
        near.isEmpty() ? "" : "; the nearest is " + near.getFirst().replaceFirst("^moe ", ""));
  }

  /// An option that need not be there can only lack its value.
  private static String missing(ArgSpec missing) {
    return missing.isOption() && !missing.required()
        ? String.format(Locale.ROOT, "%s needs a value: %s", name(missing), missing.paramLabel())
        : String.format(
            Locale.ROOT,
            "%s is missing",
            missing.isOption() ? name(missing) + " " + missing.paramLabel() : name(missing));
  }

  private static String wrongValue(ArgSpec of, String value, TypeConversionException cause) {
    Class<?> type = of.auxiliaryTypes().length > 0 ? of.auxiliaryTypes()[0] : of.type();
    String expected;
    if (type.isEnum()) {
      expected =
          List.of(of.paramLabel().split("\\|")).stream()
              .collect(Collectors.joining(", ", "one of ", ""));
    } else if (type == int.class || type == Integer.class) {
      expected = "a whole number";
    } else if (type == double.class || type == Double.class) {
      expected = "a number";
    } else if (type == boolean.class || type == Boolean.class) {
      expected = "true or false, if anything";
    } else {
      return name(of) + ": " + cause.getMessage();
    }
    return String.format(Locale.ROOT, "%s must be %s, found %s", name(of), expected, value);
  }

  private static String name(ArgSpec of) {
    return of instanceof OptionSpec option ? option.longestName() : of.paramLabel();
  }
}
