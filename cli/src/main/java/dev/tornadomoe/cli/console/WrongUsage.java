package dev.tornadomoe.cli.console;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.MutuallyExclusiveArgsException;
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
      case MutuallyExclusiveArgsException e ->
          choices(e, " and ") + " exclude each other: give one";
      case MissingParameterException e when String.valueOf(e.getMessage()).contains(" | ") ->
          choices(e, " or ") + " is missing";
      case ParameterException e when lacksCommand(e) ->
          "a command is missing: one of "
              + String.join(", ", e.getCommandLine().getSubcommands().keySet());
      default -> ofSeveral(String.valueOf(failure.getMessage()));
    };
  }

  /// Options that belong together are not told one by one.
  private static String ofSeveral(String message) {
    return message
        .replaceFirst("^Error: ", "")
        .replaceFirst("^Missing required [^:]*: ", "missing: ")
        .replace("'", "");
  }

  /// picocli has no exception for a missing command, only a text for it.
  private static boolean lacksCommand(ParameterException failure) {
    CommandLine line = failure.getCommandLine();
    return !line.getSubcommands().isEmpty() && !line.getParseResult().hasSubcommand();
  }

  /// What an exclusive group of options leaves to choose from, by what each choice must have.
  private static String choices(ParameterException failure, String between) {
    return failure.getCommandLine().getCommandSpec().argGroups().stream()
        .filter(ArgGroupSpec::exclusive)
        .flatMap(group ->
            Stream.concat(
                group.args().stream().map(WrongUsage::withLabel),
                group.subgroups().stream().map(WrongUsage::required)))
        .collect(Collectors.joining(between));
  }

  private static String required(ArgGroupSpec group) {
    return group.args().stream()
        .filter(ArgSpec::required)
        .map(WrongUsage::withLabel)
        .collect(Collectors.joining(" "));
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
        : withLabel(missing) + " is missing";
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

  private static String withLabel(ArgSpec of) {
    return of.isOption() ? name(of) + " " + of.paramLabel() : name(of);
  }

  private static String name(ArgSpec of) {
    return of instanceof OptionSpec option ? option.longestName() : of.paramLabel();
  }
}
