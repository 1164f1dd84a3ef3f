"""Ten everyday sentences in Spanish, what they mean in English, and how two imagined systems put them.

Written for this course, CC BY 4.0. No system made the outputs; they are there to be scored.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Translation:
    """A Spanish sentence, two right translations, and two outputs to score.

    `literal`: each word replaced by a dictionary's English for it, in the Spanish order; `fluent`: what reads well.
    """

    source: str
    references: tuple[str, str]
    literal: str
    fluent: str


# Most fluent outputs are right and near a reference. The sixth and the eighth are right in other words, and the tenth,
# which differs from a reference in one word, is wrong.
TRANSLATIONS = (
    Translation(
        "Este curso sobre LLMs se está poniendo muy interesante.",
        ("This course on LLMs is getting very interesting.", "This course about LLMs is becoming really interesting."),
        literal="This course about LLMs itself is putting very interesting.",
        fluent="This course on LLMs is becoming very interesting.",
    ),
    Translation(
        "Mi hermana vive en una casa blanca cerca del mar.",
        ("My sister lives in a white house near the sea.", "My sister lives in a white house by the sea."),
        literal="My sister lives in a house white near of the sea.",
        fluent="My sister lives in a white house close to the sea.",
    ),
    Translation(
        "Hace mucho frío aquí en invierno.",
        ("It is very cold here in winter.", "It gets very cold here in the winter."),
        literal="Makes much cold here in winter.",
        fluent="It is very cold here in the winter.",
    ),
    Translation(
        "¿Tienes hambre o comemos más tarde?",
        ("Are you hungry, or shall we eat later?", "Are you hungry, or do we eat later?"),
        literal="Have hunger or eat more late?",
        fluent="Are you hungry or shall we eat later?",
    ),
    Translation(
        "No hay nadie en la oficina los domingos.",
        ("There is nobody in the office on Sundays.", "No one is in the office on Sundays."),
        literal="Not there is nobody in the office the Sundays.",
        fluent="There is no one in the office on Sundays.",
    ),
    Translation(
        "Perdí el tren porque no oí el despertador.",
        (
            "I missed the train because I did not hear the alarm clock.",
            "I missed my train because I didn't hear the alarm.",
        ),
        literal="Lost the train because not heard the alarm clock.",
        fluent="I slept through my alarm, so the train left without me.",
    ),
    Translation(
        "Llevamos tres años viviendo en esta ciudad.",
        ("We have been living in this city for three years.", "We have lived in this city for three years."),
        literal="Carry three years living in this city.",
        fluent="We have been living in this town for three years.",
    ),
    Translation(
        "¿Cuánto cuesta este libro de cocina?",
        ("How much does this cookbook cost?", "How much is this cookbook?"),
        literal="How much costs this book of kitchen?",
        fluent="What is the price of this cookery book?",
    ),
    Translation(
        "Me gusta leer un poco antes de dormir.",
        ("I like to read a little before going to sleep.", "I like reading a bit before bed."),
        literal="Me pleases read a little before of sleep.",
        fluent="I like to read a little before I go to sleep.",
    ),
    Translation(
        "Si llueve mañana, iremos al museo.",
        ("If it rains tomorrow, we will go to the museum.", "If it rains tomorrow, we'll go to the museum."),
        literal="If rains tomorrow, will go to the museum.",
        fluent="If it rains tomorrow, we will go to the theatre.",
    ),
)
