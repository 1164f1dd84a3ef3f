"""What the cards of the three worked examples say beside the figures, which come from the checkpoints' records."""

USERS = "Readers of the course, and whoever wants to see how such a project is put together."
ONE_RUN = (
    "One training run with one seed: how much another seed would change is not known. The report of "
    "`report.evaluate` adds an interval of 95 % over the held-out texts."
)

SPEECH_CARD = {
    "intended_uses": "To go on with a sentence in the manner of the State of the Union addresses, as a study of style.",
    "intended_users": USERS,
    "out_of_scope": (
        "Anything that passes for what a president said. It must not be used to write news, quotations or "
        "political messages, and it knows no facts: names, numbers and dates in what it writes are invented."
    ),
    "factors": (
        "The age of the language: nearly half of the addresses are older than 1900. The subject: what "
        "presidents do not speak of it cannot write. Other languages than English, which it has not read."
    ),
    "measures": (
        "Bits per byte of unread addresses, the course's yardstick, because it can be compared between all "
        "its text models; the diversity of what it writes; the share of it that is copied from the training "
        "addresses."
    ),
    "uncertainty": ONE_RUN,
    "evaluation_data": (
        "Every tenth address, never read in training. Neighbours of a test address, often by the same "
        "president, are in the training text, so the score is better than it would be on a new century."
    ),
    "training_data": (
        "Eight of ten State of the Union addresses, 1790 to 2026, in the public domain. It is one genre of 43 "
        "presidents and their writers, mostly men, and it calls people what its time called them."
    ),
    "results_by_factor": "Not measured for each century; the report lists the bits per byte of every test address.",
    "ethical_considerations": (
        "It can write what sounds like a president and demeans people as older addresses do. Nothing was "
        "filtered. What it writes is to be shown as written by a machine."
    ),
    "caveats": "It keeps to a subject for a sentence or two, and what it says of the world is not to be believed.",
}

SPEECH_SHEET = {
    "name": "State of the Union addresses, 1790 to 2026",
    "purpose": (
        "It is the main text of the course: one kind of text over 236 years, free, and long enough to learn "
        "from."
    ),
    "made_by": "Presidents of the United States and their writers; compiled for a package on GitHub",
    "selection": (
        "It is all that the compilation holds, of which 12 are not State of the Union addresses by its own "
        "account."
    ),
    "labels": "Date, president, party, and whether the address was spoken or written, by the compilers.",
    "splits": (
        "In order of date every tenth address is test and the one before it validation. Runs of words do "
        "recur: 0.7 % of the runs of 12 words of the test addresses also stand in a training address."
    ),
    "errors": (
        "Years of a new president are missing, some modern texts hold notes such as [Laughter], and a few "
        "characters are remains of a wrong encoding."
    ),
    "people": "It speaks of living and dead people in public, and of groups in words that are insults today.",
    "collection": (
        "Transcripts of public addresses, taken from web pages by the compilers, and fetched as they "
        "published them."
    ),
    "consent": "They are public acts of an office; nobody was asked, and nobody's private data is in them.",
    "preprocessing": (
        "Nothing was changed but blanks at either end; the files are those of the compilation, byte for byte."
    ),
    "uses_so_far": "All text models of the course are trained and measured on it.",
    "unfit_uses": "It says little about how people speak today or elsewhere, and should not stand for English as such.",
    "distribution": "The course fetches it from a package index; it is not copied into the repository.",
    "licence": "Texts in the public domain; the compilation as its package says",
    "maintenance": "The course pins one version by its sha256; a later version would be another data set.",
    "contact": "The issue tracker of the course's repository",
}

TUNE_CARD = {
    "intended_uses": "To write a folk tune in ABC notation from a metre, a unit and a key, and to hear it.",
    "intended_users": USERS,
    "out_of_scope": (
        "To write tunes that are passed off as traditional, and music with chords, words or several voices."
    ),
    "factors": "Metre and key: 65 % of its tunes are in G or D, so rare keys and metres are learned from few examples.",
    "measures": (
        "Bits per byte of unread tunes, because it compares models; the share of written tunes whose bars all "
        "add up, because that is a rule of music which a machine can check; the share that is copied from "
        "training tunes."
    ),
    "uncertainty": ONE_RUN,
    "evaluation_data": (
        "Test tunes that were not read in training. Folk tunes are relatives: 12 of 204 share at least half "
        "of their runs of 12 steps of pitch with some training tune."
    ),
    "training_data": (
        "Tunes of three printed collections of 1778 to 1903, transcribed by volunteers and passed on with "
        "their permission. It is dance music of Ireland, Scotland and New England, with misprints and slips "
        "left in."
    ),
    "results_by_factor": (
        "Not measured for each metre and key; the report counts whole tunes over thirty headings together."
    ),
    "ethical_considerations": (
        "The tunes belong to a living tradition. What is written may be close to a known tune: look for the "
        "nearest relative, as lesson 03 does, before you publish one, and name the collections."
    ),
    "caveats": "Right bars are not yet good music: cold tunes turn in circles, and hot ones break their bars.",
}

TUNE_SHEET = {
    "name": "Tunes of O'Neill, Ryan and Aird in ABC notation",
    "purpose": "To let a model of letters learn something that has rules which can be checked, and that can be heard.",
    "made_by": "Volunteers, among them Jack Campin and John Chambers; passed on by the music21 project",
    "selection": "Of 4,131 melodies those with the same music, or the same number of a book, count once.",
    "labels": "Metre, unit of length and key, by the transcribers.",
    "splits": (
        "By a hash of the music: of 100 tunes about 5 are test and 5 validation. Relatives may lie on both "
        "sides."
    ),
    "errors": "The bars of 305 of 3,948 tunes do not all add up to the metre, and two tunes cannot be read.",
    "people": "It is about nobody; some titles are insults today, and no model reads titles.",
    "collection": "Typed from printed books by volunteers over many years.",
    "consent": (
        "The books are old enough to be free; the transcribers allowed the files to be passed on, and are "
        "named."
    ),
    "preprocessing": (
        "Grace notes, slurs, ornaments, words and chord names are left out; the raw files stay in the "
        "package."
    ),
    "uses_so_far": "The LSTM of lesson 03 was trained on it.",
    "unfit_uses": (
        "It cannot stand for folk music as such: it is three books of dance music from one part of the world."
    ),
    "distribution": "The course fetches it from a package index; it is not copied into the repository.",
    "licence": "As the statement of the music21 project says; transcribers keep their credit",
    "maintenance": "The course pins one version by its sha256; a later version would be another data set.",
    "contact": "The issue tracker of the course's repository",
}

HELPER_CARD = {
    "name": "Course helper: SmolLM2-135M-Instruct with the lessons to look things up in",
    "architecture": (
        "A decoder of 134,515,008 parameters, as it comes, and MiniLM, an encoder of 22.7 million, which "
        "finds the passages. Nothing of either was trained for this project."
    ),
    "training": (
        "None here. SmolLM2 read about two trillion tokens, by its makers' account; see its card in "
        "data/cards."
    ),
    "intended_uses": (
        "To find the place in the lessons that answers a question, and to give a first, short answer from it."
    ),
    "intended_users": "Readers of the course who look for a place in it.",
    "out_of_scope": (
        "Questions that the lessons do not treat, advice of any kind, and grading: read the passage it names."
    ),
    "factors": (
        "The language of the question, its distance from the lessons' words, and whether the answer is a "
        "number."
    ),
    "measures": (
        "Recall: is a passage that holds the answer among those found. Accuracy with and without passages, "
        "because the difference is what the passages are worth. How often it says that the lessons do not "
        "say."
    ),
    "uncertainty": "Each share has Wilson's interval of 95 %, and the paired difference a bootstrap over questions.",
    "evaluation_data": (
        "Questions written by the course's maintainers in words of their own, one half to choose the "
        "settings, the other to report. They are few, and questions of real readers may be harder."
    ),
    "training_data": (
        "The passages are the prose of lessons 00 to 14. What SmolLM2 learned from is mostly English web "
        "text, and its prejudices and errors come with it."
    ),
    "overall_results": (
        "They are measured by `report.evaluate(course_helper(), course_task())`, and belong to its report."
    ),
    "results_by_factor": (
        "Not measured for each factor; the report lists every question with its answer and its sources."
    ),
    "ethical_considerations": (
        "A reader may believe a wrong answer because a true source stands below it. So the sources are those "
        "that were read, the report says how often the answer was right, and no answer is given where no "
        "passage is near."
    ),
    "caveats": (
        "It reads passages and obeys what they say more than it should; put no texts of strangers into the "
        "index."
    ),
}

LESSON_SHEET = {
    "name": "Passages of the lessons 00 to 14",
    "purpose": "To be looked up by a helper that answers questions on the course.",
    "made_by": "The maintainers of the course",
    "instances": "One instance is a passage of about 60 to 150 words under one heading, with its lesson and section.",
    "selection": "It is all prose of the lessons but exercises, tables of letters, quizzes and lists of references.",
    "labels": "Lesson, section and part, read from the notebooks' headings.",
    "splits": "Not at all: the questions are split, the passages are what is looked up.",
    "errors": (
        "Formulas stand as they were typed, tables have become lists, and words such as *here* point at "
        "figures that are gone."
    ),
    "people": "It is about models; people are named as authors of papers.",
    "collection": "Cut from the notebooks each time the index is made.",
    "consent": "The texts were written for this course by its maintainers.",
    "preprocessing": "Marks of emphasis and links were taken out; the notebooks are kept as they are.",
    "uses_so_far": "The course helper looks things up in it.",
    "unfit_uses": "It is not a text to train on or to test general knowledge with: it is small and speaks of itself.",
    "distribution": "It comes with the course.",
    "licence": "CC BY 4.0",
    "maintenance": "It changes when the lessons do, and the index is made anew from them.",
    "contact": "The issue tracker of the course's repository",
}
